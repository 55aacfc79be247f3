"""A whole store looked through: which runs are damaged, which are held, and by whom."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from bench.damage import damage, set_back
from bench.errors import Unreadable, Unwritable, is_there
from bench.store.checkpoint_header import is_whole
from bench.store.run_store import CHECKPOINTS, RunStore

SET_BACK = "set back to pending"


@dataclass(frozen=True)
class Finding:
    """Something about a run that is worth a line."""

    run: str
    file: str
    problem: str
    remedy: str
    is_damage: bool = True
    can_be_repaired: bool = True
    is_unreadable: bool = False


def verify_store(store: RunStore) -> list[Finding]:
    """Reads every byte of every run; writes nothing."""
    return [finding for run in store.runs() for finding in verify_run(store, run)]


def verify_run(store: RunStore, run: str) -> list[Finding]:
    """What is wrong with a run, and whether a process has it. What cannot be read is named, and not judged."""
    if blocked := store.unreadable(run):
        return [_unreadable(run, name, error) for name, error in blocked.items()]
    try:
        return _verify_readable(store, run)
    except Unreadable as error:  # it could be opened, and the disk or the server did not give its bytes
        return [_unreadable(run, Path(error.filename).name, error)]


def _unreadable(run: str, name: str, error: Unreadable) -> Finding:
    remedy = "nothing: it is left as it is; have it made readable"
    return Finding(run, name, f"unreadable ({error.strerror})", remedy, False, False, True)


def _verify_readable(store: RunStore, run: str) -> list[Finding]:
    folder = store.folder(run)
    if store.state(run) == "running":
        return [Finding(run, "lease", f"held by {store.holder(run)}", "nothing: it is at work", False, False)]
    remedy = "--repair sets it back; bench run makes it again"
    found = [Finding(run, name, problem, remedy) for name, problem in damage(store, run).items()]
    if store.was_at_work(run):
        text = f"left behind by {store.holder(run)}, which is dead"
        found.append(Finding(run, "lease", text, "the next bench run takes it over", False, False))
    if not any(finding.is_damage for finding in found):
        found += [
            Finding(run, name, "is not whole", "the one before it, or a start, takes its place", True, False)
            for name in CHECKPOINTS
            if is_there(folder / name) and not is_whole(folder / name)
        ]
    return found


def repair_run(store: RunStore, run: str) -> str:
    """Set a run's damaged files aside, so that `bench run` makes them again; says what became of it."""
    try:
        with store.claim(run) as mine:
            if not mine:
                return "left alone: another process has it now"
            set_back(store, run)
    except (Unreadable, Unwritable) as error:
        return f"left alone: {error}"
    return SET_BACK
