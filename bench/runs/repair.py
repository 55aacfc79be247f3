"""What is wrong with a stored run, and how it is set back so that `bench run` makes again what is missing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from baselines.custom import is_outside
from baselines.weights import base_of
from bench.errors import Unreadable, Unwritable, is_there, writing
from bench.store.checkpoint_header import is_whole
from bench.store.checksums import NAME
from bench.store.run_store import ASIDE, CHECKPOINTS, RunStore, schema_and_code

SET_BACK = "set back to pending"

OF_TRAINING = ("run.json", "training.json", "curve.csv", "weights.safetensors")
"""Without one of these a run has to be trained again, and its scores would be those of other weights."""


def damage(store: RunStore, run: str) -> dict[str, str]:
    """File name -> what is wrong with it. Raises Unreadable, for what cannot be read is not damaged."""
    found, folder = store.sums(run).damage(), store.folder(run)
    if is_there(folder / "training.json") and not is_there(folder / "weights.safetensors"):
        found["weights.safetensors"] = "is gone"
    for name in OF_TRAINING[:2]:  # of before there were sums: at least what it says has to be legible
        if is_there(folder / name) and name not in found and store.read(run, name[:-5]) is None:
            found[name] = "cannot be read"
    written = store.read(run, "run")
    if written is not None and not has_its_id(run, written):
        found["run.json"] = "has a config that does not give the run's id"
    return found


def has_its_id(run: str, written: dict[str, Any]) -> bool:
    """Whether run.json is of this run: by the schema that it names, or of before it named one, any so far."""
    try:
        config, data, code = written["config"], written["data"]["fingerprint"], written.get("method_code")
        method = str(config["method"])
    except (KeyError, TypeError, AttributeError):  # JSON of something else
        return False
    if code is None and (is_outside(method) or base_of(method)):  # of before their code was noted
        return True
    return schema_and_code(run, config, data, written.get("schema"), [code or ""]) is not None


def quarantine(store: RunStore, run: str) -> dict[str, str]:
    """Set aside what is damaged, and with it what depends on it; gives what was wrong. The caller holds the run.
    Raises Unreadable before anything is moved."""
    store.check_readable(run)
    found = damage(store, run)
    if not found:
        return {}
    folder, aside = store.folder(run), set(found)
    if aside & set(OF_TRAINING):
        kept = (NAME, "lease", "events.json", *CHECKPOINTS)
        names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        aside |= {name for name in names if name not in kept and not name.startswith((f"{ASIDE}/", "lease", "."))}
    for name in sorted(aside):
        _put_aside(folder, name)
        store.sums(run).forget(name)
    for name, problem in sorted(found.items()):
        again = "the run is trained again" if name in OF_TRAINING else "it is made again"
        store.note(run, "damaged", f"{name} {problem}; {again}")
    return found


def _put_aside(folder: Path, name: str) -> None:
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
            quarantine(store, run)
    except (Unreadable, Unwritable) as error:
        return f"left alone: {error}"
    return SET_BACK
