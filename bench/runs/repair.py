"""What is damaged in a stored run, and setting it aside, so that `bench run` makes again what is missing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.errors import Unreadable, Unwritable, is_there, writing
from bench.store.checkpoint_header import is_whole
from bench.store.checksums import NAME
from bench.store.run_store import ASIDE, CHECKPOINTS, RunStore, identity_hash

REPAIRED = "set back to pending"

OF_TRAINING = ("run.json", "training.json", "curve.csv", "weights.safetensors")
"""Without one of these a run has to be trained again, and its scores would be those of other weights."""


def damage(store: RunStore, run: str) -> dict[str, str]:
    """File name -> what is wrong with it. Raises Unreadable: a file that cannot be read may be intact."""
    problems, folder = store.sums(run).damage(), store.folder(run)
    if is_there(folder / "training.json") and not is_there(folder / "weights.safetensors"):
        problems["weights.safetensors"] = "is gone"
    description = store.read(run, "run")
    if description is not None and not has_its_id(run, description):
        problems["run.json"] = "has a config that does not give the run's id"
    return problems


def has_its_id(run: str, description: dict[str, Any]) -> bool:
    """Whether run.json describes this run: its id is the hash of what it says, under the schema that it names."""
    try:
        config, fingerprint = description["config"], description["data"]["fingerprint"]
        return identity_hash(config, fingerprint, description["method_code"], description["schema"]) == run
    except (KeyError, TypeError):  # JSON of something else
        return False


def quarantine(store: RunStore, run: str) -> dict[str, str]:
    """Set aside what is damaged, and with it what depends on it; gives what was wrong. The caller holds the run.
    Raises Unreadable before anything is moved."""
    problems = damage(store, run)
    if not problems:
        return {}
    folder, aside = store.folder(run), set(problems)
    if aside & set(OF_TRAINING):
        kept = (NAME, "lease", "events.json", *CHECKPOINTS)
        names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        aside |= {name for name in names if name not in kept and not name.startswith((f"{ASIDE}/", "lease", "."))}
    for name in sorted(aside):
        _move_aside(folder, name)
        store.sums(run).forget(name)
    for name, problem in sorted(problems.items()):
        remedy = "the run is trained again" if name in OF_TRAINING else "it is made again"
        store.note(run, "damaged", f"{name} {problem}; {remedy}")
    return problems


def _move_aside(folder: Path, name: str) -> None:
    path = folder / name
    if not path.exists():
        return
    target = folder / ASIDE / name
    count = 1
    while target.exists():
        count += 1
        target = folder / ASIDE / f"{name}.{count}"
    with writing(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        os.replace(path, target)


@dataclass(frozen=True)
class Finding:
    """One line about a run: damage, a file that cannot be read, or a lease."""

    run: str
    file: str
    problem: str
    remedy: str
    is_damage: bool = True
    can_be_repaired: bool = True
    is_unreadable: bool = False


def verify_store(store: RunStore) -> list[Finding]:
    """The findings of all runs. Reads every byte, and writes nothing."""
    return [finding for run in store.runs() for finding in verify_run(store, run)]


def verify_run(store: RunStore, run: str) -> list[Finding]:
    """What is wrong with a run, and whether a process holds it. Files that cannot be read are named and not judged."""
    if blocked := store.unreadable(run):
        return [_unreadable(run, name, error) for name, error in blocked.items()]
    try:
        return _verify_readable(store, run)
    except Unreadable as error:  # the file could be opened, but the disk or the server did not give its bytes
        return [_unreadable(run, Path(error.filename).name, error)]


def _unreadable(run: str, name: str, error: Unreadable) -> Finding:
    remedy = "nothing: it stays as it is; have it made readable"
    return Finding(run, name, f"unreadable ({error.strerror})", remedy, False, False, True)


def _verify_readable(store: RunStore, run: str) -> list[Finding]:
    folder = store.folder(run)
    if store.state(run) == "running":
        return [Finding(run, "lease", f"held by {store.holder(run)}", "nothing: it is at work", False, False)]
    remedy = "--repair sets it back; bench run makes it again"
    findings = [Finding(run, name, problem, remedy) for name, problem in damage(store, run).items()]
    if store.was_at_work(run):
        problem = f"left behind by {store.holder(run)}, which is dead"
        findings.append(Finding(run, "lease", problem, "the next bench run takes it over", False, False))
    if not any(finding.is_damage for finding in findings):
        findings += [
            Finding(run, name, "is not whole", "training resumes from the one before it, or starts anew", True, False)
            for name in CHECKPOINTS
            if is_there(folder / name) and not is_whole(folder / name)
        ]
    return findings


def repair_run(store: RunStore, run: str) -> str:
    """Set a run's damaged files aside, so that `bench run` makes them again; gives the outcome in words."""
    try:
        store.check_readable(run)
        with store.claim(run) as is_mine:
            if not is_mine:
                return "left alone: another process has it now"
            quarantine(store, run)
    except (Unreadable, Unwritable) as error:
        return f"left alone: {error}"
    return REPAIRED
