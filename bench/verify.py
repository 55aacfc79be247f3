"""A whole store looked through: which runs are damaged, which are held, and by whom."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

from bench.checksums import tensors_sum
from bench.damage import damage, set_back
from bench.store import CHECKPOINTS, RunStore

RUN_ID = re.compile(r"[0-9a-f]{16}")
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


def runs_of(root: Path) -> list[str]:
    """Ids of the runs that a store has folders of."""
    return sorted(path.name for path in root.iterdir() if path.is_dir() and RUN_ID.fullmatch(path.name))


def verify_store(store: RunStore) -> list[Finding]:
    """Reads every byte of every run; writes nothing."""
    return [finding for run in runs_of(store.root) for finding in verify_run(store, run)]


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
    if not found or all(not finding.is_damage for finding in found):
        found += [
            Finding(run, name, "is not whole", "the one before it, or a start, takes its place", True, False)
            for name in CHECKPOINTS
            if (folder / name).exists() and not is_whole(folder / name)
        ]
    return found


def is_whole(path: Path) -> bool:
    """Whether a checkpoint's content has the checksum in its header; True for those of before there was one."""
    try:
        content = path.read_bytes()
        length = int.from_bytes(content[:8], "little")
        header = json.loads(content[8 : 8 + length])
        words = header.pop("__metadata__")
        body = memoryview(content)[8 + length :]
        named = [(name, tensor["shape"], body[slice(*tensor["data_offsets"])]) for name, tensor in header.items()]
        wanted, digest = str(words.get("sha256", "")), tensors_sum(words["state"], named)
        is_all_there = all(tensor["data_offsets"][1] <= len(body) for tensor in header.values())
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    return is_all_there and wanted in ("", digest)


def repair_run(store: RunStore, run: str) -> str:
    """Set a run's damaged files aside, so that `bench run` makes them again; says what became of it."""
    with store.claim(run) as mine:
        if not mine:
            return "left alone: another process has it now"
        set_back(store, run)
    return SET_BACK
