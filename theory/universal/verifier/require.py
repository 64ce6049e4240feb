"""Rejection by the verifier."""

from __future__ import annotations

from sciformer.errors import CertificateError


def require(condition: bool, sentence: str) -> None:
    """Raises `CertificateError` with the sentence unless the condition holds."""
    if not condition:
        raise CertificateError(f"verify: {sentence}")
