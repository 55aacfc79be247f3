"""Real processes on one storage: two commands at once, killed workers, an interrupted command."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import run

import pytest
from harness import Command
from optuna.trial import FrozenTrial, TrialState
from searches import CONTENT, WriteSearch
from storages import has_postgresql, journal, postgresql, sqlite

from bench.runs.run import Machine, Watch, execute
from bench.search.load import load_search
from bench.search.optuna_study import open_study
from bench.search.trials import outcomes
from bench.store.run_store import RunStore

LONG = {"base": CONTENT["base"] | {"train": {"steps": 120, "validations": 2, "pretrain_steps": 0}}, "pruner": "none"}
COMMON = ("--scale", "tiny", "--no-confirm", "--checkpoint-every", "0", "--grace", "1.5")

pytestmark = pytest.mark.slow


@pytest.fixture(
    params=[
        "sqlite",
        "journal",
        pytest.param(
            "postgresql",
            marks=[
                pytest.mark.postgresql,
                pytest.mark.skipif(not has_postgresql(), reason="no PostgreSQL server is installed (initdb)"),
            ],
        ),
    ]
)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "postgresql":
        with postgresql() as server:
            yield server
    else:
        yield {"sqlite": sqlite, "journal": journal}[request.param](tmp_path)


def start(path: Path, url: str, *more: str) -> Command:
    return Command(path.parent, "search", path, *COMMON, "--storage", url, *more)


def trials_of(path: Path, url: str) -> list[FrozenTrial]:
    study, _ = open_study(load_search(path, "tiny"), url)
    trials = study.get_trials()
    if "://" in url:
        study._storage.remove_session()
        study._storage._backend.engine.dispose()  # type: ignore[attr-defined]
    return trials


def wait_until(true: Callable[[], object]) -> None:
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def weights(path: Path) -> dict[str, bytes]:
    files = (path.parent / "runs").glob("*/weights.safetensors")
    return {file.parent.name: file.read_bytes() for file in sorted(files)}


def assert_weights_as_undisturbed(path: Path, trials: list[FrozenTrial]) -> None:
    """Every complete trial has the weights of the same run trained without a disturbance."""
    search, folder, ours = load_search(path, "tiny"), path.parent / "undisturbed", weights(path)
    store = RunStore(folder)
    for trial in trials:
        if outcomes(trials)[trial.number] == "complete":
            trained = search.run(search.config_of(trial.user_attrs["bench"]["changes"]), "")
            assert execute(trained, ("psnr",), store, Machine(), Watch()) == "done"
            assert (folder / trained.id / "weights.safetensors").read_bytes() == ours[trained.id]


def test_two_commands_on_one_storage_do_every_trial_once(write_search: WriteSearch, url: str) -> None:
    path = write_search(trials=6, pruner="none")
    one, two = (start(path, url, "--workers", "1") for _ in range(2))
    ends = [one.finish(), two.finish()]
    assert [(end.returncode, end.stderr) for end in ends] == [(0, ""), (0, "")]
    trials = trials_of(path, url)
    assert list(outcomes(trials).values()) == ["complete"] * 6
    assert len({tuple(trial.params.values()) for trial in trials}) == 6
    assert len(weights(path)) == 6  # a run each: nothing was trained twice


def test_a_killed_commands_trial_is_taken_over_and_resumed(write_search: WriteSearch, url: str) -> None:
    path = write_search(trials=3, **LONG)
    killed = start(path, url, "--workers", "1")
    wait_until(lambda: list((path.parent / "runs").glob("*/checkpoint.safetensors")))
    os.kill(killed.pid, signal.SIGKILL)
    killed.finish()
    end = start(path, url, "--workers", "1").finish()
    assert (end.returncode, end.stderr) == (0, "")
    trials = trials_of(path, url)
    assert sorted(outcomes(trials).values()) == ["complete"] * 3 + ["lost"]
    assert_weights_as_undisturbed(path, trials)


def workers_of(command: Command) -> list[int]:
    listed = run(
        ["ps", "-ww", "--ppid", str(command.pid), "-o", "pid=,args="], capture_output=True, text=True, check=False
    )
    return [int(line.split()[0]) for line in listed.stdout.splitlines() if "spawn_main" in line]


def test_a_killed_worker_is_replaced_and_its_trial_resumed(write_search: WriteSearch, tmp_path: Path) -> None:
    path, url = write_search(trials=4, **LONG), journal(tmp_path)
    command = start(path, url, "--workers", "2")
    wait_until(lambda: list((path.parent / "runs").glob("*/checkpoint.safetensors")))
    os.kill(workers_of(command)[0], signal.SIGKILL)
    end = command.finish()
    assert (end.returncode, end.stderr) == (0, "")
    trials = trials_of(path, url)
    assert sorted(outcomes(trials).values()) in (["complete"] * 4, ["complete"] * 4 + ["lost"])  # or between two trials
    assert_weights_as_undisturbed(path, trials)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_interrupted_it_keeps_what_is_done_and_goes_on(write_search: WriteSearch, tmp_path: Path, workers: str) -> None:
    path, url = write_search(trials=4, **LONG), sqlite(tmp_path)
    command = start(path, url, "--workers", workers)
    wait_until(lambda: weights(path))
    os.kill(command.pid, signal.SIGINT)
    end = command.finish()
    assert (end.returncode, end.stderr.count("the same command goes on from there")) == (130, 1)
    assert not [trial for trial in trials_of(path, url) if trial.state == TrialState.RUNNING]
    end = start(path, url, "--workers", "1").finish()
    assert (end.returncode, end.stderr) == (0, "")
    trials = trials_of(path, url)
    assert list(outcomes(trials).values()).count("complete") == 4
    assert_weights_as_undisturbed(path, trials)
