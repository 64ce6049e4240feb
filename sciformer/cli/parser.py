"""Argument parsing whose mistakes are one sentence with the nearest name that exists."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

from sciformer.errors import UsageError, unknown_name


class Parser(argparse.ArgumentParser):
    """An `ArgumentParser` that raises `UsageError` instead of exiting; no abbreviations."""

    def __init__(self, prog: str, description: str | None = None) -> None:
        raw = argparse.RawDescriptionHelpFormatter
        super().__init__(prog, description=description, allow_abbrev=False, formatter_class=raw)

    def parse(self, arguments: Sequence[str]) -> argparse.Namespace:
        """The parsed arguments.

        Raises:
            UsageError: an option that does not exist, a value out of place, or one missing.
        """
        namespace, extra = self.parse_known_args(arguments)
        for word in extra:
            if word.startswith("-"):
                option = word.partition("=")[0]
                raise unknown_name(self.prog, "option", option, self._option_string_actions)
        if extra:
            self.error(f"unexpected argument {extra[0]!r}")
        return namespace

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{self.prog}: {message}; see {self.prog} --help.")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is not None and value not in action.choices:
            what = next(iter(action.option_strings), action.dest)
            raise unknown_name(self.prog, what, str(value), map(str, action.choices))
