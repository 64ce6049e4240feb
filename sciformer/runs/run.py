"""The run directory: one place for all that a run reads, measures and makes."""

from __future__ import annotations

import contextlib
import hashlib
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sciformer.errors import DataError
from sciformer.runs import checkpoints, metrics
from sciformer.runs.changes import refuse_changes
from sciformer.runs.directories import fresh, made, refuse_content
from sciformer.runs.encoding import encode, strict
from sciformer.runs.files import atomic, remove, remove_leftovers
from sciformer.runs.lock import Lock, lock
from sciformer.runs.reading import read_json

if TYPE_CHECKING:
    from torch import Tensor

CONFIG, METRICS, CHECKPOINTS = "config.json", "metrics.jsonl", "checkpoint"
FIELDS = ("kind", "config", "environment", "created")


@dataclass(frozen=True)
class Run:
    """A run directory, safe against a kill at any moment.

    Every file appears whole or not at all; `config.json` makes a directory a run. Whoever made or
    resumed it is the only one to write, until its `Run` is forgotten or its process has ended.

    Attributes:
        path: the directory.
        kind: what was run, for example "burgers".
        config: the resolved configuration as JSON values, seed included.
        environment: versions, threads, platform and commit when the run was created.
        created: local time of creation, ISO 8601 with offset.

    Examples:
        >>> import tempfile
        >>> from pathlib import Path
        >>> from sciformer.runs import Run
        >>> with tempfile.TemporaryDirectory() as directory:
        ...     made = Run.create(Path(directory) / "first", "demo", {"seed": 3})
        ...     Run.open(made.path).config["seed"]
        3
    """

    path: Path
    kind: str
    config: dict[str, Any]
    environment: dict[str, Any]
    created: str
    _lock: Lock | None = field(default=None, compare=False, repr=False)

    @classmethod
    def create(cls, directory: Path | str | None, kind: str, config: Mapping[str, Any]) -> Run:
        """Starts a run in a new or empty directory.

        Args:
            directory: where; None makes `runs/<kind>-<date>-<time>` here, numbered if taken.
            kind: what is run; part of that name.
            config: the resolved configuration; whatever changes the result belongs into it.

        Raises:
            UsageError: the directory holds something already, or another process writes it.
            RunError: the directory cannot be made or written.
        """
        from sciformer.runs.environment import describe

        path = fresh(kind) if directory is None else made(Path(directory))
        held = lock(path)
        refuse_content(path, CONFIG)
        created = time.strftime("%Y-%m-%dT%H:%M:%S%z")
        run = cls(path, kind, strict(config), strict(describe()), created, held)
        record = {key: getattr(run, key) for key in FIELDS}
        run.write_json(CONFIG, {**record, "sha256": _digest(record)})
        return run

    @classmethod
    @contextlib.contextmanager
    def whole(
        cls, directory: Path | str | None, kind: str, config: Mapping[str, Any]
    ) -> Iterator[Run]:
        """Starts a run as `create`; where the block fails, the directory is empty again.

        For results that are written in one go: without them a configuration is worth nothing, and
        would only keep the directory from being used again.

        Args:
            directory, kind, config: see `create`.

        Yields:
            The run.
        """
        run = cls.create(directory, kind, config)
        with run.or_nothing():
            yield run

    @contextlib.contextmanager
    def or_nothing(self) -> Iterator[None]:
        """Empties the directory where the block fails: see `whole`."""
        try:
            yield
        except BaseException:
            for child in self.path.iterdir():
                remove(child)
            raise

    @classmethod
    def open(cls, directory: Path | str) -> Run:
        """An existing run, to be read.

        Raises:
            DataError: the directory is not a run, or its configuration was changed by other hands.
        """
        path = Path(directory)
        if not (path / CONFIG).exists():
            raise DataError(
                f"run: {path} is not a run directory, {CONFIG} cannot be read there (there is no "
                "such file); name a directory that a run has made."
            )
        try:
            record = read_json(path / CONFIG, inside=path)
        except DataError as error:
            raise DataError(
                f"run: {path / CONFIG} is not what a run writes; name another directory: {error}"
            ) from error
        if not isinstance(record, dict) or not _is_record(record):
            raise DataError(
                f"run: {path / CONFIG} is not what a run writes; name another directory."
            )
        fields = {key: record[key] for key in FIELDS}
        if record["sha256"] != _digest(fields):
            raise DataError(
                f"run: {path / CONFIG} is damaged or was edited, its checksum does not fit; "
                "restore it or start a new run."
            )
        return cls(path, **fields)

    @classmethod
    def resume(cls, directory: Path | str, config: Mapping[str, Any]) -> Run:
        """An existing run, to be continued from its newest whole checkpoint.

        Metrics written after that checkpoint are dropped: the continued run writes them again.

        Raises:
            DataError: the directory is not a run.
            UsageError: the configuration differs, the message names the keys; or another process
                writes the directory.
        """
        run = cls.open(directory)
        refuse_changes(run.path, run.config, strict(config))
        run = replace(run, _lock=lock(run.path))
        remove_leftovers(run.path)
        remove_leftovers(run.path / CHECKPOINTS)
        last = run._last_checkpoint()
        metrics.truncate(run.path / METRICS, last.metrics_bytes if last else 0)
        return run

    def log(self, **row: Any) -> None:
        """Appends one line to the metrics."""
        metrics.append(self.path / METRICS, row)

    def metrics(self) -> list[dict[str, Any]]:
        """All lines logged; a number that was not finite is None."""
        return metrics.read(self.path / METRICS)

    def save_checkpoint(self, tensors: Mapping[str, Tensor], state: Mapping[str, Any]) -> Path:
        """Keeps tensors of any device and a state of JSON values, infinities allowed.

        Raises:
            RunError: the disk refused; earlier checkpoints are whole.
        """
        size = self._size(METRICS)
        content = checkpoints.Checkpoint(dict(tensors), dict(state), size, self.digest)
        return checkpoints.save(self.path / CHECKPOINTS, content)

    def load_checkpoint(self) -> tuple[dict[str, Tensor], dict[str, Any]] | None:
        """Tensors (on the CPU) and state of the newest whole checkpoint, or None if there is none.

        Raises:
            RunError: there are checkpoints and every one is damaged.
            DataError: the checkpoint is another run's.
        """
        last = self._last_checkpoint()
        return (last.tensors, last.state) if last else None

    @property
    def digest(self) -> str:
        """SHA-256 of the content of `config.json`, which files that belong to this run carry."""
        return _digest({key: getattr(self, key) for key in FIELDS})

    def refuse_foreign(self, path: Path, digest: str) -> None:
        """Refuses a file that carries the digest of another run; one without any is let through.

        Args:
            path: of the file.
            digest: that it carries, or an empty text.

        Raises:
            DataError: the file was written by another run.
        """
        if digest and digest != self.digest:
            raise DataError(
                f"run: {path} was written by another run than the one of {CONFIG} beside it; "
                "restore it, or start a new run."
            )

    def _last_checkpoint(self) -> checkpoints.Checkpoint | None:
        folder = self.path / CHECKPOINTS
        if not folder.resolve().is_relative_to(self.path.resolve()):
            raise DataError(
                f"run: {folder} leads out of {self.path} to {folder.resolve()}; copy the directory "
                "itself into it."
            )
        last = checkpoints.load(folder)
        if last is not None:
            self.refuse_foreign(folder, last.run)
        return last

    def write_json(self, name: str, value: Any) -> None:
        """Writes a JSON file; numbers that are not finite become null."""
        with self.file(name) as path:
            path.write_text(encode(value, indent=2) + "\n", encoding="utf-8")

    def read_json(self, name: str) -> Any:
        """The content of a JSON file of the run, or None if it was not written yet.

        Raises:
            DataError: the file is damaged, or leads out of the directory.
        """
        path = self.path / name
        return read_json(path, inside=self.path) if path.exists() else None

    def write_array(self, name: str, **arrays: Any) -> None:
        """Writes numpy or torch arrays by name into an .npz file."""
        import numpy

        on_cpu: dict[str, Any] = {
            key: value.detach().cpu() if hasattr(value, "detach") else value
            for key, value in arrays.items()
        }
        with self.file(name) as path, path.open("wb") as file:
            numpy.savez(file, **on_cpu)

    @contextlib.contextmanager
    def file(self, name: str) -> Iterator[Path]:
        """Yields a temporary path; the file made there gets its name when the block ends well."""
        with atomic(self.path / name) as path:
            yield path

    def _size(self, name: str) -> int:
        path = self.path / name
        return path.stat().st_size if path.exists() else 0


def _is_record(record: Mapping[str, Any]) -> bool:
    """Whether the fields of a configuration are there and of their types."""
    types = {"kind": str, "config": dict, "environment": dict, "created": str, "sha256": str}
    return all(isinstance(record.get(key), kind) for key, kind in types.items())


def _digest(record: Mapping[str, Any]) -> str:
    """SHA-256 of a record, whatever the order of its keys."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()
