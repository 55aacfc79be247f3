"""A Ray cluster of three real nodes on this machine: the weights are those of a quiet local run, whatever dies."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

import pytest
import yaml
from harness import ROOT, Command, WriteStudy, small_study
from safetensors import safe_open
from scene import HANGS, Tried, finish, trained_twice, wait_until
from search.searches import CONTENT
from search.storages import has_postgresql, postgresql

pytestmark = [pytest.mark.ray, pytest.mark.slow]

STEPS = 120
NODES = """
import json, os, sys
from ray.cluster_utils import Cluster
small = {"object_store_memory": 100 << 20, "include_dashboard": False}
quick = {"health_check_initial_delay_ms": 500, "health_check_period_ms": 500, "health_check_failure_threshold": 4}
cluster = Cluster()
cluster.add_node(num_cpus=0, _system_config=quick, **small)
nodes = [cluster.add_node(num_cpus=1, env_vars=json.loads(sys.argv[1]), **small) for _ in range(3)]
raylets = [node.all_processes["raylet"][0].process.pid for node in nodes]
print(json.dumps([cluster.address, raylets]), flush=True)
sys.stdin.read()
cluster.shutdown()
"""


class Nodes:
    """A head without CPUs, where the driver is, and three nodes of one CPU."""

    def __init__(self, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", NODES, json.dumps(environment)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"RAY_USAGE_STATS_ENABLED": "0"},
        )
        assert self.process.stdout is not None
        line = next(line for line in self.process.stdout if line.startswith("["))
        self.address, self.raylets = json.loads(line)

    def at_work(self) -> dict[int, list[int]]:
        """Nodes that train, by their raylet, with all their processes."""
        found = {}
        for raylet in self.raylets:
            processes = [raylet, *map(int, _children(raylet))]
            if any(_name(pid) == b"ray::execute_job" for pid in processes):
                found[raylet] = processes
        return found

    def kill_one_at_work(self) -> None:
        """SIGKILL to a node's raylet and to all that it started, the worker first."""
        raylet, processes = next(iter(self.at_work().items()))
        self.raylets.remove(raylet)
        for pid in reversed(processes):
            os.kill(pid, signal.SIGKILL)

    def end(self) -> None:
        self.process.communicate(timeout=60)


def _children(pid: int) -> list[str]:
    return [child for path in Path(f"/proc/{pid}/task").glob("*/children") for child in path.read_text().split()]


def _name(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")[0]
    except OSError:
        return b""


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Callable[..., Nodes]]:
    started: list[Nodes] = []

    def start(**environment: str) -> Nodes:
        started.append(Nodes(**environment))
        return started[-1]

    yield start
    for cluster in started:
        cluster.end()


def _start(study: Path, runs: str, *more: str) -> Command:
    options = {"--scale": "tiny", "--runs": runs, "--checkpoint-every": "0"}
    return Command(study.parent, "run", study, *chain(*options.items()), f"train.steps={STEPS}", *more)


def _on(nodes: Nodes) -> tuple[str, ...]:
    return "--executor", "ray", "--address", nodes.address


def _weights(runs: Path) -> dict[str, bytes]:
    return {path.parent.name: path.read_bytes() for path in sorted(runs.glob("*/weights.safetensors"))}


def _steps(runs: Path) -> dict[str, int]:
    """Run -> the step that its checkpoint in the driver's store is of."""
    found = {}
    for path in runs.glob("*/checkpoint.safetensors"):
        with suppress(OSError, RuntimeError), safe_open(path, framework="pt") as file:  # which may be gone meanwhile
            found[path.parent.name] = json.loads(file.metadata()["state"])["step"]
    return found


@pytest.fixture
def study(write_study: WriteStudy) -> Path:
    return write_study(metrics=["psnr"], seeds=2)


@pytest.fixture(scope="module")
def quiet(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    study = small_study(tmp_path_factory.mktemp("quiet"), metrics=["psnr"], seeds=2)
    finish(_start(study, "quiet"), 0)
    return _weights(study.parent / "quiet")


@pytest.mark.parametrize("store", ["shared", "each its own"])
def test_a_ray_node_that_dies_gives_its_runs_back_and_they_go_on_elsewhere(
    study: Path, quiet: dict[str, bytes], nodes: Callable[..., Nodes], store: str, tried: Tried
) -> None:
    own = {"BENCH_NODE_RUNS": str(study.parent / "own")} if store != "shared" else {}
    three, runs = nodes(**own), study.parent / "runs"
    command = _start(study, "runs", *_on(three))
    wait_until(lambda: len(three.at_work()) >= 2 and min(_steps(runs).values(), default=0) > 0)
    before = _steps(runs)
    three.kill_one_at_work()
    seen: dict[str, list[int]] = {run: [step] for run, step in before.items()}

    def is_over() -> bool:
        for run, step in _steps(runs).items():
            seen.setdefault(run, []).append(step)
        return not command.process.is_alive()

    wait_until(is_over, 300)
    said = finish(command, 0)
    assert len(re.findall(r"^done ", said, re.MULTILINE)) == len(quiet) == 4
    tried("Ray nodes killed", 1)
    tried("lost", sum(_weights(runs).get(run) != weights for run, weights in quiet.items()))
    tried("trained twice", trained_twice(runs))
    assert _weights(runs) == quiet
    sums = [path.read_text().splitlines() for path in runs.glob("*/SHA256SUMS")]
    assert [sum(line.endswith("  weights.safetensors") for line in lines) for lines in sums] == [1] * 4
    assert "is gone" not in (said_of_store := finish(Command(study.parent, "verify", "--runs", "runs"), 0)), (
        said_of_store
    )
    assert all(steps == sorted(steps) for steps in seen.values()), "a run began again from the start"
    assert {path.name for path in runs.iterdir()} == set(quiet)
    assert "4 cached, 0 to do" in finish(_start(study, "runs", *_on(three)), 0)


def test_interrupted_it_says_so_and_goes_on_without_ray(
    study: Path, quiet: dict[str, bytes], nodes: Callable[..., Nodes]
) -> None:
    three, runs = nodes(), study.parent / "runs"
    command = _start(study, "runs", *_on(three), "--checkpoint-every", "1000")
    wait_until(lambda: len(three.at_work()) >= 2 and len(list(runs.glob("*/run.json"))) >= 2)
    time.sleep(1)
    os.kill(command.pid, signal.SIGINT)
    assert "interrupted; what is done is kept" in finish(command, 130)
    assert _steps(runs)
    assert not three.at_work()
    finish(_start(study, "runs"), 0)
    assert _weights(runs) == quiet


def test_a_search_fans_its_trials_out_and_a_dead_node_costs_none(tmp_path: Path, nodes: Callable[..., Nodes]) -> None:
    three, path = nodes(), tmp_path / "search.yaml"
    content = CONTENT | {"trials": 5, "base": CONTENT["base"] | {"train": {"steps": STEPS, "validations": 5}}}
    path.write_text(yaml.safe_dump(content))
    arguments = ("search", path, "--scale", "tiny", "--grace", "5", "--no-confirm", "--checkpoint-every", "0")
    command = Command(tmp_path, *arguments, *_on(three))
    runs = tmp_path / "runs"
    wait_until(lambda: len(_steps(runs)) == 3)
    worker = next(
        pid for raylet in three.raylets for pid in map(int, _children(raylet)) if _name(pid) == b"ray::_work_on_node"
    )
    os.kill(worker, signal.SIGKILL)
    said = finish(command, 0)
    assert "5 complete, 1 lost and queued again" in said


def test_a_node_with_other_code_is_refused_by_name(study: Path, nodes: Callable[..., Nodes]) -> None:
    for room in ("bench", "baselines"):
        shutil.copytree(ROOT / room, study.parent / "other" / room)
    with open(study.parent / "other" / "baselines" / "build.py", "a") as file:
        file.write("# another version\n")
    three = nodes(PYTHONPATH=str(study.parent / "other"))
    said = finish(_start(study, "runs", *_on(three)), 2)
    assert "has another version of gan-bench" in said
    assert not list(study.parent.glob("runs/*"))


@pytest.mark.postgresql
@pytest.mark.skipif(not has_postgresql(), reason="PostgreSQL is not installed")
def test_a_search_on_nodes_with_stores_of_their_own_brings_its_runs_back(
    tmp_path: Path, nodes: Callable[..., Nodes]
) -> None:
    path, three = tmp_path / "search.yaml", nodes(BENCH_NODE_RUNS=str(tmp_path / "own"))
    path.write_text(yaml.safe_dump(CONTENT | {"trials": 4}))
    with postgresql() as url:
        command = ("search", path, "--scale", "tiny", "--storage", url, "--no-confirm", *_on(three))
        assert "4 complete" in finish(Command(tmp_path, *command), 0)
    assert len(_weights(tmp_path / "runs")) == 4
    assert not list(tmp_path.glob("own/*/*/weights.safetensors"))


def test_a_run_that_hangs_on_a_node_is_named_and_the_others_go_on(
    write_study: WriteStudy, nodes: Callable[..., Nodes]
) -> None:
    study = write_study(metrics=["psnr"], baselines=["sleeper:Hangs"])
    (study.parent / "sleeper.py").write_text(HANGS)
    three = nodes(BENCH_NODE_RUNS=str(study.parent / "own"))
    said = finish(_start(study, "runs", "train.steps=20", "--hang-after", "5", *_on(three)), 1)
    assert len(re.findall(r"^done ", said, re.MULTILINE)) == 2
    assert "hung: no sign of progress for 5 seconds" in said
    [stacks] = study.parent.glob("runs/*/hang.txt")
    assert "sleeper.py" in stacks.read_text()


def test_a_journal_needs_a_store_that_all_nodes_see(tmp_path: Path, nodes: Callable[..., Nodes]) -> None:
    path = tmp_path / "search.yaml"
    path.write_text(yaml.safe_dump(CONTENT))
    three = nodes(BENCH_NODE_RUNS=str(tmp_path / "own"))
    said = finish(Command(tmp_path, "search", path, "--scale", "tiny", *_on(three)), 2)
    assert "does not see this machine's run store" in said
    assert "postgresql+psycopg://" in said
