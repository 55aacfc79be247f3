"""The scene of the faults: a small study, commands that run it, and what they leave in the store."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from itertools import chain
from pathlib import Path

from harness import Command

from bench.store.run_store import RunStore

STEPS = 60
HANGS = """
import time
from baselines.l1_unet import L1UNet

class Hangs(L1UNet):
    def update(self, batch, progress):
        if progress.step == 12:
            time.sleep(1000)
        return super().update(batch, progress)
"""
Tried = Callable[[str, int], None]
"""Adds to a count of the report on reliability: what, how many."""


def start(study: Path, runs: str | Path, *more: str, **options: str) -> Command:
    """`bench run` of a study, with a checkpoint every ten steps."""
    asked = {"scale": "tiny", "workers": "1", "checkpoint_every": "0"} | options
    words = chain(*((f"--{name.replace('_', '-')}", value) for name, value in asked.items()))
    return Command(study.parent, "run", study, *words, "--runs", str(runs), f"train.steps={STEPS}", *more)


def finish(command: Command, code: int) -> str:
    """Wait for the command's end; gives its output. A traceback is a defect."""
    done = command.finish()
    said = done.stdout + done.stderr
    assert done.returncode == code, said
    assert "Traceback" not in said
    return said


def wait_until(is_so: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def wait_for(runs: Path, pattern: str, seconds: float = 120) -> Path:
    """The first path that matches, once there is one."""
    wait_until(lambda: list(runs.glob(pattern)), seconds)
    return next(iter(runs.glob(pattern)))


def outcomes(runs: Path) -> dict[str, tuple[bytes, list[str]]]:
    """Run -> its weights, and its curve without the times."""
    found = {}
    for path in sorted(runs.glob("*/weights.safetensors")):
        rows = [line.split(",") for line in (path.parent / "curve.csv").read_text().splitlines()]
        found[path.parent.name] = (path.read_bytes(), [",".join([*row[:2], *row[3:]]) for row in rows])
    return found


def trained_twice(runs: Path) -> int:
    """The number of runs that were trained to their end more than once."""
    store = RunStore(runs)
    known = [store.sums(folder.name).entries().get("weights.safetensors", []) for folder in runs.iterdir()]
    return sum(len(sums) > 1 for sums in known)


def events(runs: Path, kind: str) -> list[str]:
    """The texts of the runs' events of one kind."""
    store = RunStore(runs)
    found = [event for folder in sorted(runs.iterdir()) for event in store.read(folder.name, "events") or []]
    return [event["text"] for event in found if event["what"] == kind]


def children(command: Command) -> list[int]:
    """Its worker processes."""
    pids = Path(f"/proc/{command.pid}/task/{command.pid}/children").read_text().split()
    return [int(pid) for pid in pids if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]


def is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
