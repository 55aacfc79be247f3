"""RunStore: the folder of runs, addressed by run id. Every write is atomic, and a run's outcome is written last."""

from __future__ import annotations

import csv
import hashlib
import io
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Literal

from bench.config import RunConfig
from bench.errors import Unreadable, is_there, reading, writing
from bench.store.checksums import NAME, Checksums, fsync_file
from bench.store.lease import Lease

SCHEMA = 3  # raise it when the same config gives other numbers than before
RUN_ID = re.compile(r"[0-9a-f]{16}")
ASIDE = "damaged"
"""The folder inside a run's folder that damaged files are moved to: nothing is deleted."""
GRACE = 60.0  # seconds of silence after which a holder on another machine counts as dead

State = Literal["new", "running", "resumable", "failed", "pruned", "unavailable", "diverged", "done", "unreadable"]
"""pruned: a search stopped it early; it resumes if a study asks for it. unavailable: it needs a file that this
machine lacks. unreadable: it has a file that this process cannot read now."""
ENDED: tuple[State, ...] = ("done", "diverged")
"""Outcomes that stay: nothing is left to train."""
BAD_ENDS = ("diverged", "failed")
"""States of runs that rank last in comparisons."""
CHECKPOINTS = ("checkpoint.safetensors", "checkpoint.previous.safetensors")
"""The newest one, and the one before it in case the newest is damaged."""


class TakenOver(Exception):
    """Another process took this one for dead, and holds its run now."""


def run_id(config: RunConfig, fingerprint: str, code: str = "") -> str:
    """16 hex digits: the hash of everything that changes a run's numbers. code: `method_code`."""
    return identity_hash(config.identity(), fingerprint, code)


def identity_hash(config: dict[str, Any], fingerprint: str, code: str = "", schema: int = SCHEMA) -> str:
    """The id of a run with this `RunConfig.identity`."""
    content: dict[str, Any] = {"schema": schema, "data": fingerprint, "config": config}
    if code:
        content["code"] = code
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:16]


class RunStore:
    """One folder a run: run.json (config), checkpoints and curve while it trains, then weights, cost, throughput,
    samples, scores/METRIC.vVERSION.csv, and outcome.json, written last.

    SHA256SUMS has the sum of each file. A file with another sum counts as absent, and `repair.damage` names it. A file
    that cannot be read is neither absent nor damaged: reading it raises Unreadable, and its run is left unchanged.
    """

    def __init__(self, root: Path, grace: float = GRACE) -> None:
        self.root, self.grace = root, grace
        self._leases: dict[str, Lease] = {}
        self._held: dict[str, Lease] = {}
        self._sums: dict[str, Checksums] = {}

    def __reduce__(self) -> tuple[Any, ...]:
        """Another process gets leases of its own."""
        return RunStore, (self.root, self.grace)

    def folder(self, run: str) -> Path:
        """The run's folder; it may not exist yet. Raises ValueError unless `run` is a plain name."""
        if not run or run.startswith(".") or Path(run).name != run:
            raise ValueError(f"{run!r} is no run's id")
        return self.root / run

    def runs(self) -> list[str]:
        """Ids of all runs that have a folder."""
        if not self.root.is_dir():
            return []
        return sorted(path.name for path in self.root.iterdir() if RUN_ID.fullmatch(path.name) and path.is_dir())

    def prepare(self, run: str) -> Path:
        """Make the run's folder. Raises Unwritable."""
        folder = self.folder(run)
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
        return folder

    def sums(self, run: str) -> Checksums:
        """The checksums of the run's files."""
        return self._sums.setdefault(run, Checksums(self.folder(run)))

    def state(self, run: str) -> State:
        """The run's state; `running` means that a living process holds its lease."""
        try:
            return self.read_state(run)
        except Unreadable:
            return "unreadable"

    def read_state(self, run: str) -> State:
        """The run's state, without `unreadable`: raises Unreadable instead."""
        folder = self.folder(run)
        outcome = self.read(run, "outcome")
        if outcome is not None and outcome["state"] in ENDED:
            state: State = outcome["state"]
            return state
        if is_there(folder / "lease") and self._is_held(run):
            return "running"
        if outcome is not None:
            known: dict[str, State] = {"unavailable": "unavailable", "pruned": "pruned"}
            return known.get(outcome["state"], "failed")
        if any(is_there(folder / name) for name in (*CHECKPOINTS, "weights.safetensors")):
            return "resumable"
        return "new"

    def end(self, run: str, state: State, reason: str, **more: Any) -> bool:
        """Store how a run ended, unless it is done or has diverged before: those outcomes stay. Gives whether it was
        stored."""
        if (self.read(run, "outcome") or {}).get("state") in ENDED:
            return False
        self.write(run, "outcome", {"state": state, "reason": reason, **more})
        return True

    def unreadable(self, run: str) -> dict[str, Unreadable]:
        """File name -> why it cannot be opened, for the files of the run's folder; "." is the folder itself."""
        folder, errors = self.folder(run), dict[str, Unreadable]()

        def failed(error: OSError, path: Path) -> None:
            if not isinstance(error, FileNotFoundError):  # its writer renamed it, or a lease was released
                errors[path.relative_to(folder).as_posix()] = Unreadable.of(path, error)

        for here, below, names in os.walk(folder, onerror=lambda error: failed(error, Path(error.filename))):
            below[:] = [name for name in below if name != ASIDE]
            for path in (Path(here, name) for name in names if not name.startswith(".")):
                try:
                    os.close(os.open(path, os.O_RDONLY))
                except OSError as error:
                    failed(error, path)
        return errors

    def check_readable(self, run: str) -> None:
        """Raises Unreadable for the first of the run's files that this process cannot open."""
        for error in self.unreadable(run).values():
            raise error

    @contextmanager
    def claim(self, run: str) -> Iterator[bool]:
        """Hold the run's lease inside the block; gives False if another process holds it. Raises Unwritable."""
        folder, lease = self.prepare(run), self._lease(run)
        with writing(folder):
            is_mine = run not in self._held and lease.acquire()
        if not is_mine:
            yield False
            return
        self._held[run] = lease
        try:
            self._clear_away(folder)
            yield True
        finally:
            del self._held[run]
            with suppress(OSError):  # the disk is full or gone; the lease ends with this process
                lease.release()

    def _lease(self, run: str) -> Lease:
        return self._leases.setdefault(run, Lease(self.folder(run) / "lease", self.grace))

    def _is_held(self, run: str) -> bool:
        try:
            return run in self._held or self._lease(run).is_held()
        except OSError:  # a read-only store: the lease cannot be tried, and no process here can write
            return False

    def holder(self, run: str) -> str:
        """The process that the run's lease names, in words."""
        return self._lease(run).holder

    def taken_from(self, run: str) -> str:
        """The dead or silent holder that this process took the run's lease from, in words; empty if it was free."""
        return self._lease(run).taken_from

    def silent_holder(self, run: str) -> int | None:
        """The id of the process that holds the run and has gone silent; call it repeatedly (`Lease.silent_holder`)."""
        return self._lease(run).silent_holder()

    def was_at_work(self, run: str) -> bool:
        """Whether a process held the run when it died. Raises Unreadable."""
        return is_there(self.folder(run) / "lease")

    def progress_mark(self, run: str) -> tuple[int, int]:
        """Changes whenever a run advances: the times of its checkpoint and of its log of checksums."""
        return _modified_ns(self.folder(run) / CHECKPOINTS[0]), _modified_ns(self.folder(run) / NAME)

    def check_held(self, run: str) -> None:
        """Raises TakenOver if another process has taken over the run that this process held."""
        lease = self._held.get(run)
        if lease is not None and not lease.is_mine():
            raise TakenOver(f"{run} was taken over by {lease.holder or 'another process'}")

    @staticmethod
    def _clear_away(folder: Path) -> None:
        """Remove what killed processes had begun to write; no other process writes under this lease."""
        for path in (*folder.glob(".*"), *folder.glob("scores/.*")):
            path.unlink(missing_ok=True)

    @contextmanager
    def placing(self, run: str, name: str) -> Iterator[Path]:
        """A path to write to. If the block ends without an error, the file there becomes the run's file `name`, whole
        and with its checksum; else it is removed. Raises TakenOver."""
        path = self.prepare(run) / name
        temporary = path.with_name(f".{path.stem}.{os.getpid()}{path.suffix}")
        with writing(path):
            path.parent.mkdir(exist_ok=True)
            try:
                yield temporary
                fsync_file(temporary)
                self.check_held(run)
                # The sum comes first, so that no file is ever in its place without its sum.
                self.sums(run).enter(name, temporary)
                os.replace(temporary, path)
            finally:
                temporary.unlink(missing_ok=True)

    def write(self, run: str, name: str, content: Any) -> None:
        """Write NAME.json of a run."""
        with self.placing(run, f"{name}.json") as path:
            path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    def read(self, run: str, name: str) -> Any | None:
        """Read NAME.json of a run; None if it is absent or damaged. Raises Unreadable."""
        content = self.sums(run).read(f"{name}.json")
        try:
            return None if content is None else json.loads(content)
        except ValueError:
            return None

    def write_rows(self, run: str, name: str, rows: list[dict[str, Any]]) -> None:
        """Write NAME.csv of a run, in full float precision."""
        if not rows:
            return
        text = io.StringIO()
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
        with self.placing(run, f"{name}.csv") as path:
            path.write_text(text.getvalue(), encoding="utf-8", newline="")

    def read_rows(self, run: str, name: str) -> list[dict[str, str]] | None:
        """Read NAME.csv of a run; None if it is absent or damaged. Raises Unreadable."""
        content = self.sums(run).read(f"{name}.csv")
        try:
            return None if content is None else list(csv.DictReader(io.StringIO(content.decode(), newline="")))
        except (ValueError, csv.Error):
            return None

    def note(self, run: str, kind: str, text: str) -> None:
        """Add an event to a run's log: damage, a take-over, another machine."""
        self.write(run, "events", [*(self.read(run, "events") or []), {"what": kind, "text": text}])


def _modified_ns(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def read_text(path: Path) -> str | None:
    """A file's text; None if it is absent or not UTF-8. Raises Unreadable."""
    try:
        with reading(path):
            return path.read_text(encoding="utf-8")
    except (FileNotFoundError, ValueError):
        return None


def write_atomically(path: Path, content: str | bytes) -> None:
    """Readers see the whole old file or the whole new one, whenever this process dies."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        fsync_file(temporary)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
