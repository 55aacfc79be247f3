"""A whole store looked through: which runs are damaged, which are held, and by whom."""

from __future__ import annotations

from dataclasses import dataclass

from bench.checkpoint_header import is_whole
from bench.damage import damage, set_back
from bench.store import CHECKPOINTS, RunStore

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


def verify_store(store: RunStore) -> list[Finding]:
    """Reads every byte of every run; writes nothing."""
    return [finding for run in store.runs() for finding in verify_run(store, run)]


def verify_run(store: RunStore, run: str) -> list[Finding]:
    """What is wrong with a run, and whether a process has it."""
    folder = store.folder(run)
    if store.state(run) == "running":
        return [Finding(run, "lease", f"held by {store.holder(run)}", "nothing: it is at work", False, False)]
    remedy = "--repair sets it back; bench run makes it again"
    found = [Finding(run, name, problem, remedy) for name, problem in damage(store, run).items()]
    if (folder / "lease").exists():
        text = f"left behind by {store.holder(run)}, which is dead"
        found.append(Finding(run, "lease", text, "the next bench run takes it over", False, False))
    if not any(finding.is_damage for finding in found):
        found += [
            Finding(run, name, "is not whole", "the one before it, or a start, takes its place", True, False)
            for name in CHECKPOINTS
            if (folder / name).exists() and not is_whole(folder / name)
        ]
    return found


def repair_run(store: RunStore, run: str) -> str:
    """Set a run's damaged files aside, so that `bench run` makes them again; says what became of it."""
    with store.claim(run) as mine:
        if not mine:
            return "left alone: another process has it now"
        set_back(store, run)
    return SET_BACK
