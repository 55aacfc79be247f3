"""Killed for real: SIGKILL, SIGINT and two processes at once, and the weights are those of a quiet run, bit by bit."""

from __future__ import annotations

import os
import signal
import time
from itertools import chain
from pathlib import Path

import pytest
from harness import Command, WriteStudy, small_study

STEPS = 60


def _start(study: Path, runs: str, *more: str) -> Command:
    options = {"--scale": "tiny", "--runs": runs, "--workers": "1", "--checkpoint-every": "0"}
    return Command(study.parent, "run", study, *chain(*options.items()), f"train.steps={STEPS}", *more)


def _finish(command: Command, code: int) -> str:
    done = command.finish()
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return done.stdout + done.stderr


def _outcomes(runs: Path) -> dict[str, tuple[bytes, list[str]]]:
    """Run -> its weights, and its curve without the times."""
    found = {}
    for path in sorted(runs.glob("*/weights.safetensors")):
        rows = [line.split(",") for line in (path.parent / "curve.csv").read_text().splitlines()]
        found[path.parent.name] = (path.read_bytes(), [",".join([*row[:2], *row[3:]]) for row in rows])
    return found


@pytest.fixture
def study(write_study: WriteStudy) -> Path:
    return write_study(metrics=["psnr"])


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[bytes, list[str]]]:
    study = small_study(tmp_path_factory.mktemp("quiet"), metrics=["psnr"])
    _finish(_start(study, "quiet"), 0)
    return _outcomes(study.parent / "quiet")


def _wait_for(runs: Path, pattern: str) -> None:
    deadline = time.monotonic() + 120
    while not list(runs.glob(pattern)):
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_killed_again_and_again_it_ends_bitwise_equal(study: Path, quiet: dict[str, object], workers: str) -> None:
    killed = 0
    for delay in (0.0, 0.15, 0.4):
        command = _start(study, "killed", "--workers", workers)
        _wait_for(study.parent / "killed", "*/checkpoint.safetensors" if killed else "*/run.json")
        time.sleep(delay)
        os.kill(command.pid, signal.SIGKILL)
        done = command.finish(timeout=30)  # its workers die with it, or they would hold the pipes
        killed += done.returncode == -signal.SIGKILL
    assert killed == 3
    _finish(_start(study, "killed"), 0)
    assert _outcomes(study.parent / "killed") == quiet


@pytest.mark.slow
@pytest.mark.parametrize("workers", ["1", "2"])
def test_interrupted_it_says_so_keeps_what_is_done_and_goes_on(
    study: Path, quiet: dict[str, object], workers: str
) -> None:
    command = _start(study, "interrupted", "--workers", workers, "--checkpoint-every", "1000")
    _wait_for(study.parent / "interrupted", "*/run.json")
    time.sleep(0.2)
    os.kill(command.pid, signal.SIGINT)
    assert "interrupted; what is done is kept" in _finish(command, 130)
    _finish(_start(study, "interrupted"), 0)
    assert _outcomes(study.parent / "interrupted") == quiet


@pytest.mark.slow
def test_two_processes_on_one_store_share_the_work_and_train_nothing_twice(
    study: Path, quiet: dict[str, object]
) -> None:
    both = [_start(study, "shared"), _start(study, "shared", "--reports", "other")]
    said = [_finish(command, 0) for command in both]
    assert _outcomes(study.parent / "shared") == quiet
    trained = sum(line.startswith("done") for text in said for line in text.splitlines())
    assert trained >= 2


@pytest.mark.slow
def test_a_killed_worker_costs_no_run(study: Path, quiet: dict[str, object]) -> None:
    command = _start(study, "worker", "--workers", "2")
    _wait_for(study.parent / "worker", "*/checkpoint.safetensors")
    children = Path(f"/proc/{command.pid}/task/{command.pid}/children").read_text().split()
    workers = [int(pid) for pid in children if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
    os.kill(workers[0], signal.SIGKILL)
    _finish(command, 0)
    assert _outcomes(study.parent / "worker") == quiet
