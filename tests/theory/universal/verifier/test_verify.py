"""Certificates are re-checked by other arithmetic, and every flip is refused."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

import theory
from sciformer.errors import CertificateError, DataError
from theory.universal.format import digest_of_payload
from theory.universal.verifier.verify import verify


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    layer = theory.compile("x1*x2 + x1/3; |x1 - x2|", 2, epsilon=0.3, domain=(-1.0, 1.2))
    return layer.save(tmp_path_factory.mktemp("certificate") / "a")


@pytest.fixture
def copied(written: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(written, tmp_path / "b"))


def rewrite(path: Path, change: dict[str, object]) -> None:
    """Changes the record and forges its digest, as an adversary would."""
    file = path / "certificate.json"
    record = json.loads(file.read_text())
    del record["sha256"]
    record.update(change)
    file.write_text(json.dumps({**record, "sha256": digest_of_payload(record)}))


def test_a_certificate_holds_on_every_leaf(written: Path) -> None:
    result = verify(written)
    assert result.share == 1.0
    assert result.checked == result.leaves > 50
    assert result.bound is not None
    assert 0.2 < result.bound <= result.claimed <= 0.3


def test_a_share_of_the_leaves_is_no_proof(written: Path) -> None:
    """Kills: a bound returned although leaves were left out."""
    result = verify(written / "certificate.json", share=0.5)
    assert 0 < result.checked < result.leaves
    assert result.share == result.checked / result.leaves
    assert result.bound is None
    for share in (0.0, 1.5, float("nan")):
        with pytest.raises(DataError, match=r"share must be above 0 and at most 1"):
            verify(written, share=share)


def test_shares_are_drawn_afresh(written: Path) -> None:
    """Kills: a fixed seed, which tells a forger what will not be looked at."""
    assert len({verify(written, share=0.5).checked for _ in range(12)}) > 1


@pytest.mark.parametrize("formula", ["max(x1, x2, x3)", "tanh(x1*x2) + exp(x3)/(3 + x1)"])
def test_content_heads_and_other_functions(formula: str, tmp_path: Path) -> None:
    layer = theory.compile(formula, 3, epsilon=0.4)
    result = verify(layer.save(tmp_path))
    assert result.bound is not None
    assert result.bound <= 0.4


def test_a_flipped_bit_in_the_weights_is_refused(copied: Path) -> None:
    tensors = load_file(copied / "layer.safetensors")
    raw = tensors["hidden.weight"].copy()
    raw.view(np.uint64)[0, 0] ^= 1
    save_file({**tensors, "hidden.weight": raw}, copied / "layer.safetensors")
    with pytest.raises(CertificateError, match=r"weights are not those of the certificate"):
        verify(copied)


@pytest.mark.parametrize("key", ["formula", "bound", "epsilon", "domain", "weights_digest"])
def test_a_flip_in_the_record_is_refused(copied: Path, key: str) -> None:
    file = copied / "certificate.json"
    record = json.loads(file.read_text())
    value = record[key]
    record[key] = {"formula": "x1*x2 + x1/4; |x1 - x2|", "domain": [-1.0, 1.3]}.get(
        key, value[::-1] if isinstance(value, str) else None if value is None else 0.29
    )
    file.write_text(json.dumps(record))
    with pytest.raises(CertificateError, match=r"certificate.json was changed"):
        verify(copied)


def test_forged_formulas_and_domains_are_refused_by_the_mathematics(copied: Path) -> None:
    """With the digest forged as well. Kills: a verifier that trusts digests alone."""
    rewrite(copied, {"formula": "x1*x2 + x1/4; |x1 - x2|"})
    with pytest.raises(CertificateError, match=r"blocks of token 1, output 1 are not the formula"):
        verify(copied)
    rewrite(copied, {"formula": "x1*x2 + x1/3; |x1 - x2|", "domain": [-1.0, 2.5]})
    with pytest.raises(CertificateError, match=r"leaves its certified range"):
        verify(copied)


def test_a_forged_bound_is_refused_by_the_mathematics(copied: Path) -> None:
    record = json.loads((copied / "certificate.json").read_text())
    entries = record["entries"]
    for entry in entries[:1]:
        for block in entry["blocks"]:
            block["lower"], block["upper"] = 0.5 * block["lower"], 0.5 * block["upper"]
        entry["bound"] = 0.51 * entry["bound"]
    rewrite(copied, {"entries": entries, "bound": 0.51 * record["bound"]})
    with pytest.raises(
        CertificateError, match=r"leaves its certified range|could not be confirmed"
    ):
        verify(copied)


def test_a_tree_that_does_not_cover_is_refused(copied: Path) -> None:
    tensors = load_file(copied / "layer.safetensors")
    short = tensors["tree.0"][:-1].copy()
    import hashlib

    trees = [short if k == 0 else tensors[f"tree.{k}"] for k in range(2)]
    hasher = hashlib.sha256()
    for tree in trees:
        hasher.update(len(tree).to_bytes(8, "little") + tree.tobytes())
    save_file({**tensors, "tree.0": short}, copied / "layer.safetensors")
    with pytest.raises(CertificateError, match=r"bisection trees are not those"):
        verify(copied)
    rewrite(copied, {"tree_digest": hasher.hexdigest()})
    with pytest.raises(CertificateError, match=r"bisection tree of token 1, output 1"):
        verify(copied)


def test_files_that_are_no_certificate(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"holds no certificate that can be read"):
        verify(tmp_path)
    (tmp_path / "certificate.json").write_text("{")
    (tmp_path / "layer.safetensors").write_text("")
    with pytest.raises(DataError, match=r"damaged"):
        verify(tmp_path)


def test_an_epsilon_below_the_bound_is_refused(copied: Path) -> None:
    """Kills: a proof that does not aim at epsilon."""
    record = json.loads((copied / "certificate.json").read_text())
    rewrite(copied, {"epsilon": record["bound"] / 2})
    with pytest.raises(CertificateError, match=r"leaves its certified range|not proven|above the"):
        verify(copied)
