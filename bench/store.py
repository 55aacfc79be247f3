"""RunStore: the folder of runs, addressed by run id; every write is atomic and the marker of the end comes last."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from filelock import FileLock, Timeout

from bench.config import InputError, RunConfig

SCHEMA = 2  # raise it when the same config comes to mean other numbers

State = Literal["new", "running", "resumable", "failed", "pruned", "unavailable", "diverged", "done"]
"""pruned: a search saw enough of it; it goes on from there if a study asks for it. unavailable: it needs a file that is
not on this machine."""
BAD_ENDS = ("diverged", "failed")
"""States of runs that count as worst in comparisons."""


def run_id(config: RunConfig, fingerprint: str, code: str = "") -> str:
    """16 hex digits that stand for everything that changes a run's numbers; code: of a method from outside."""
    content: dict[str, Any] = {"schema": SCHEMA, "data": fingerprint, "config": config.identity()}
    if code:
        content["code"] = code
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


class RunStore:
    """One folder a run: run.json (config), checkpoint and curve while it trains, then weights, cost, throughput,
    samples, scores/METRIC.vVERSION.csv, and outcome.json, written last."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def folder(self, run: str) -> Path:
        """The run's folder; it may not exist yet."""
        return self.root / run

    def prepare(self, run: str) -> Path:
        """Make the run's folder. Raises InputError if the store cannot be written."""
        folder = self.folder(run)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"{self.root}: cannot write the run store ({error.strerror}); use --runs DIR") from None
        return folder

    def state(self, run: str) -> State:
        """What is known of a run. `running` means that a living process holds its claim."""
        folder = self.folder(run)
        outcome = self.read(run, "outcome")
        if outcome is not None and outcome["state"] in ("done", "diverged"):
            state: State = outcome["state"]
            return state
        if (folder / "claim").exists() and self._is_claimed(run):
            return "running"
        if outcome is not None:
            known: dict[str, State] = {"unavailable": "unavailable", "pruned": "pruned"}
            return known.get(outcome["state"], "failed")
        if (folder / "checkpoint.safetensors").exists() or (folder / "weights.safetensors").exists():
            return "resumable"
        return "new"

    @contextmanager
    def claim(self, run: str) -> Iterator[bool]:
        """Hold the run for this process; gives False if another one has it. The system drops the claim of a
        process that dies, however it dies."""
        lock = FileLock(self.prepare(run) / "claim", timeout=0)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        try:
            yield True
        finally:
            lock.release()

    def _is_claimed(self, run: str) -> bool:
        try:
            with FileLock(self.folder(run) / "claim", timeout=0):
                return False
        except Timeout:
            return True
        except OSError:  # a store that may only be read has no living writer that we could meet
            return False

    def write(self, run: str, name: str, content: Any) -> None:
        """Write NAME.json of a run."""
        write_atomically(self._file(run, f"{name}.json"), json.dumps(content, indent=1, sort_keys=True) + "\n")

    def read(self, run: str, name: str) -> Any | None:
        """Read NAME.json of a run, None if there is none."""
        try:
            return json.loads((self.folder(run) / f"{name}.json").read_text())
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write_rows(self, run: str, name: str, rows: list[dict[str, Any]]) -> None:
        """Write NAME.csv of a run, in full float precision."""
        if not rows:
            return
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        write_atomically(self._file(run, f"{name}.csv"), text.getvalue())

    def _file(self, run: str, name: str) -> Path:
        path = self.prepare(run) / name
        path.parent.mkdir(exist_ok=True)
        return path

    def read_rows(self, run: str, name: str) -> list[dict[str, str]] | None:
        """Read NAME.csv of a run, None if there is none."""
        try:
            with open(self.folder(run) / f"{name}.csv", newline="") as file:
                return list(csv.DictReader(file))
        except FileNotFoundError:
            return None


def read_text(path: Path) -> str | None:
    """A file's text; None if it is not there or no text."""
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None


def write_atomically(path: Path, text: str) -> None:
    """Readers see the old file or the new one, whole, whenever this process dies."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with open(temporary, "w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
