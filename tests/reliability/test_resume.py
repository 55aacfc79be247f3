"""Killed, interrupted, preempted, frozen and two at once: the weights are those of a quiet run, bit by bit."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from harness import Command
from scene import (
    STEPS,
    Tried,
    children,
    events,
    finish,
    outcomes,
    start,
    trained_twice,
    wait_for,
)

KILLS = int(os.environ.get("BENCH_KILLS", "6"))
Outcomes = dict[str, Any]
pytestmark = [pytest.mark.slow, pytest.mark.faults]


def _check(store: Path, quiet: Outcomes, tried: Tried, **counts: int) -> None:
    """Check that all runs are as if nothing had happened, and count it for the report."""
    found = outcomes(store)
    tried("lost", sum(found.get(run) != expected for run, expected in quiet.items()))
    tried("trained twice", trained_twice(store))
    for what, count in counts.items():
        tried(what.replace("_", " "), count)
    assert found == quiet
    assert trained_twice(store) == 0


def test_killed_at_random_instants(study: Path, quiet: Outcomes, tried: Tried) -> None:
    rng, kills, stores = random.Random(8), 0, 0
    while kills < KILLS:
        stores += 1
        runs = study.parent / f"killed{stores}"
        for _ in range(KILLS - kills):
            command = start(study, runs)
            time.sleep(rng.uniform(0.05, 1.2))
            with suppress(ProcessLookupError):
                os.kill(command.pid, signal.SIGKILL)
            if command.finish(timeout=30).returncode != -signal.SIGKILL:
                break  # it had finished before the kill
            kills += 1
            if len(list(runs.glob("*/training.json"))) == len(quiet):
                break  # everything is trained: a further kill in this store would only hit the measuring of speed
        finish(start(study, runs), 0)
        _check(runs, quiet, tried, take_overs=len(events(runs, "taken over")))
    tried("SIGKILL", kills)


def test_killed_with_its_workers(study: Path, quiet: Outcomes, tried: Tried) -> None:
    for delay in (0.0, 0.4):
        command = start(study, "killed", workers="2")
        wait_for(study.parent / "killed", "*/checkpoint.safetensors" if delay else "*/run.json")
        time.sleep(delay)
        os.kill(command.pid, signal.SIGKILL)
        assert command.finish(timeout=30).returncode == -signal.SIGKILL  # its workers die with it, or hold the pipes
    finish(start(study, "killed"), 0)
    _check(study.parent / "killed", quiet, tried, SIGKILL=2)


@pytest.mark.parametrize("workers", ["1", "2"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: signal.Signals(number).name)
def test_told_to_stop_it_saves_within_five_seconds(
    study: Path, quiet: Outcomes, tried: Tried, workers: str, number: signal.Signals
) -> None:
    command = start(study, "interrupted", workers=workers, checkpoint_every="1000")
    wait_for(study.parent / "interrupted", "*/run.json")
    time.sleep(0.2)
    os.kill(command.pid, number)
    wait_for(study.parent / "interrupted", "*/checkpoint.safetensors", seconds=5)
    assert "interrupted; what is done is kept" in finish(command, 130)
    finish(start(study, "interrupted"), 0)
    _check(study.parent / "interrupted", quiet, tried, **{number.name: 1})


def test_two_commands_on_one_store(study: Path, quiet: Outcomes, tried: Tried) -> None:
    both = [start(study, "shared"), start(study, "shared", "--reports", "other")]
    said = [finish(command, 0) for command in both]
    _check(study.parent / "shared", quiet, tried, commands=2)
    assert sum(line.startswith("done") for text in said for line in text.splitlines()) >= 2


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: signal.Signals(number).name)
def test_a_worker_that_is_ended_costs_no_run(
    study: Path, quiet: Outcomes, tried: Tried, number: signal.Signals
) -> None:
    command = start(study, "worker", workers="2")
    wait_for(study.parent / "worker", "*/checkpoint.safetensors")
    os.kill(children(command)[0], number)
    finish(command, 0)
    _check(study.parent / "worker", quiet, tried, **{number.name: 1})


def test_a_frozen_worker_is_ended_and_its_run_goes_on(study: Path, quiet: Outcomes, tried: Tried) -> None:
    command = start(study, "frozen", workers="2", grace="2")
    wait_for(study.parent / "frozen", "*/checkpoint.safetensors")
    os.kill(children(command)[0], signal.SIGSTOP)
    finish(command, 0)
    _check(study.parent / "frozen", quiet, tried, SIGSTOP=1)


def _elsewhere(study: Path, runs: str, *wrapper: str, **environment: str) -> subprocess.Popen[str]:
    """`bench run`, started by another command: on a machine of another name, under another clock."""
    options = ["--scale", "tiny", "--workers", "1", "--checkpoint-every", "0", "--grace", "2", "--runs", runs]
    words = [*wrapper, sys.executable, "-m", "bench", "run", str(study), *options, f"train.steps={STEPS}"]
    return subprocess.Popen(
        words,
        cwd=study.parent,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


ON_ANOTHER = ("unshare", "--uts", "sh", "-c", 'hostname node-b && exec "$@"', "sh")


def _can_be_another_machine() -> bool:
    return subprocess.run([*ON_ANOTHER, "true"], capture_output=True).returncode == 0


@pytest.mark.skipif(not _can_be_another_machine(), reason="may not give a process another host name")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSTOP], ids=lambda number: signal.Signals(number).name)
def test_a_silent_machine_is_taken_over(study: Path, quiet: Outcomes, tried: Tried, number: signal.Signals) -> None:
    other = _elsewhere(study, "taken", *ON_ANOTHER)
    wait_for(study.parent / "taken", "*/checkpoint.safetensors")
    os.kill(other.pid, number)
    finish(Command(study.parent, *_command(study, "taken")), 0)
    assert any("on node-b, which was dead or silent" in text for text in events(study.parent / "taken", "taken over"))
    if number == signal.SIGSTOP:  # it wakes up, finds its run taken over, and trains nothing more
        os.kill(other.pid, signal.SIGCONT)
    said, _ = other.communicate(timeout=120)
    assert "Traceback" not in said
    assert other.returncode == (0 if number == signal.SIGSTOP else -signal.SIGKILL), said
    _check(study.parent / "taken", quiet, tried, take_overs=1, **{number.name: 1})


def _command(study: Path, runs: str) -> list[str]:
    options = ["--scale", "tiny", "--workers", "1", "--checkpoint-every", "0", "--grace", "2", "--runs", runs]
    return ["run", str(study), *options, f"train.steps={STEPS}"]


@pytest.mark.skipif(shutil.which("cc") is None, reason="there is no C compiler for the clock")
def test_clocks_that_jump(study: Path, quiet: Outcomes, tried: Tried) -> None:
    library, clock = study.parent / "clock.so", study.parent / "clock"
    source = Path(__file__).with_name("jumping_clock.c")
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source, "-ldl"], check=True)
    clock.write_text("0")
    fake = {"LD_PRELOAD": str(library), "CLOCK_OFFSET": str(clock)}
    year = subprocess.run(["date", "+%Y"], env=os.environ | fake | {"CLOCK_OFFSET": "/dev/null"}, capture_output=True)
    clock.write_text("-900000000")
    assert subprocess.run(["date", "+%Y"], env=os.environ | fake, capture_output=True).stdout < year.stdout
    clock.write_text("0")
    jumping = _elsewhere(study, "clocks", **fake)
    wait_for(study.parent / "clocks", "*/run.json")
    steady = Command(study.parent, *_command(study, "clocks"), "--reports", "other")
    jumps = [2_600_000, -2_600_000, 3600, -34_000_000]  # seconds: a month, an hour, a year
    for jump in jumps:
        clock.write_text(str(jump))
        time.sleep(0.2)
    finish(steady, 0)
    said, _ = jumping.communicate(timeout=120)
    assert (jumping.returncode, "Traceback" in said) == (0, False), said
    _check(study.parent / "clocks", quiet, tried, jumps=len(jumps))
    assert events(study.parent / "clocks", "taken over") == []


def test_a_command_that_is_stopped_with_its_workers_and_goes_on(study: Path, quiet: Outcomes, tried: Tried) -> None:
    command = start(study, "stopped", workers="2", grace="2")
    wait_for(study.parent / "stopped", "*/checkpoint.safetensors")
    everyone = [command.pid, *children(command)]
    for pid in everyone:
        os.kill(pid, signal.SIGSTOP)
    time.sleep(4)
    for pid in reversed(everyone):
        os.kill(pid, signal.SIGCONT)
    finish(command, 0)
    _check(study.parent / "stopped", quiet, tried, SIGSTOP=len(everyone))
