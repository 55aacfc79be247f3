"""The Ray tasks: check a node, probe a job, execute a job, measure a run."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import platform
import shutil
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import InputError

if TYPE_CHECKING:
    from bench.machine import Machine
    from bench.runs.probe_cache import Probe
    from bench.store.run_store import RunStore, State
    from bench.study.study import Job, Run

EXCHANGE_SECONDS = 0.5
ANSWER_SECONDS = 120  # for the actor to answer: it may be writing what others send
OWN_STORE = "BENCH_NODE_RUNS"
"""A node's environment variable: the node keeps runs in this folder, even if it sees the driver's store."""


class ClusterLost(Exception):
    """The cluster no longer answers, or has no node left that can do the work."""


@dataclass(frozen=True)
class Driver:
    """What a task knows of the command that submitted it."""

    actor: Any
    store: RunStore
    token: str
    """The name of a file that is in the store while the command runs."""
    folder: Path
    """The command's working directory."""
    code: str
    holder: str = ""
    """The task's own name."""


class DriverLink:
    """A task's link to the driver's actor. Inside a `with`, a thread sends the news and asks whether to stop; an actor
    that is gone, with its driver, means stop too."""

    def __init__(self, driver: Driver) -> None:
        self.actor, self.holder = driver.actor, driver.holder
        self.latest: dict[str, tuple[str, float]] = {}
        self.guard, self.is_over, self.left = threading.Lock(), threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._exchange_on, daemon=True)

    def __enter__(self) -> DriverLink:
        self._exchange()
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.left.set()
        self.thread.join()
        self._exchange()

    def tell(self, name: str, phase: str, share: float) -> None:
        """Tell a run's phase and share; only the latest news is sent at the next exchange."""
        with self.guard:
            self.latest[name] = (phase, share)

    def told_to_stop(self) -> bool:
        return self.is_over.is_set()

    def ask(self, method: str, run: str, *more: Any) -> Any:
        """Call an actor's method for the run. Raises what the actor raises, and ray's errors if it is gone."""
        from ray.exceptions import RayTaskError

        try:
            return self._call(method, run, self.holder, *more)
        except RayTaskError as error:
            raise error.cause from None

    def _call(self, method: str, *arguments: Any) -> Any:
        import ray

        return ray.get(getattr(self.actor, method).remote(*arguments), timeout=ANSWER_SECONDS)

    def _exchange(self) -> None:
        from ray.exceptions import GetTimeoutError, RayError

        with self.guard:
            latest, self.latest = self.latest, {}
        try:
            stop = self._call("exchange", self.holder, latest)
        except GetTimeoutError:
            return
        except RayError:
            stop = True
        if stop:
            self.is_over.set()

    def _exchange_on(self) -> None:
        while not self.left.wait(EXCHANGE_SECONDS):
            self._exchange()


def check_node(driver: Driver) -> bool:
    """Whether this node sees the driver's store. Raises InputError if this node has other code."""
    check_code(driver)
    return sees(driver.store.root / driver.token)


def probe_job(job: Job, machine: Machine, driver: Driver) -> Probe:
    """What a job's run takes on this node: as remembered here, or measured in a process of its own."""
    from bench.data.dataset import open_dataset
    from bench.machine import set_up
    from bench.runs.probe import probe_apart
    from bench.runs.probe_cache import probe_file, recall, remember
    from bench.runs.provenance import device_name
    from bench.store.run_store import run_id
    from bench.study.study import method_code

    run, metrics = job
    with at_node(driver):
        config = run.config.model_copy(update={"seed": 0})
        seedless = run_id(config, open_dataset(config.data).fingerprint, method_code(config.method))
        file = probe_file(seedless, metrics, machine, device_name(set_up(machine)))
        if (result := recall(file, 1)) is None:
            timer = threading.Timer(machine.hang_seconds, _kill_children)
            timer.start()
            result = probe_apart(run, metrics, machine)
            timer.cancel()
            if not result.reason:
                remember(file, 1, result)
        return result


def _kill_children() -> None:
    """End a probe that hangs; its run will hang too, and is stored as hung."""
    for process in multiprocessing.active_children():
        process.kill()


def execute_job(job: Job, machine: Machine, driver: Driver) -> State | None:
    """Train and score a job's run; None when told to stop before the end."""
    from bench.runs.run import Watch, execute
    from bench.training.trainer import Interrupted

    run, metrics = job
    with at_node(driver) as (link, store):
        if link.told_to_stop():
            return None
        try:
            return execute(run, metrics, store, machine, Watch(link.tell, link.told_to_stop))
        except Interrupted:
            return None


def measure_run(run: Run, machine: Machine, driver: Driver) -> State:
    """Count a run's cost and measure its speed."""
    import bench.runs.run

    with at_node(driver) as (link, store):
        return bench.runs.run.measure(run, store, machine, bench.runs.run.Watch(link.tell))


@contextmanager
def at_node(driver: Driver) -> Iterator[tuple[DriverLink, RunStore]]:
    """A task's link to the driver, and the run store: the driver's if this node sees it, else a CarriedStore."""
    from bench.runs.ray_cluster.carried_store import CarriedStore

    check_code(driver)
    if driver.folder.is_dir():
        os.chdir(driver.folder)  # for relative paths, and for a method of your own
    with DriverLink(driver) as link:
        if sees(driver.store.root / driver.token):
            yield link, driver.store
            return
        own = node_runs() / link.holder
        try:
            yield link, CarriedStore(own, link)
        finally:
            shutil.rmtree(own, ignore_errors=True)


def sees(token: Path) -> bool:
    """Whether this node sees the driver's store, which holds the token."""
    return OWN_STORE not in os.environ and token.exists()


def node_runs() -> Path:
    """The folder in which a node that does not see the driver's store keeps runs while it executes them."""
    from bench.data.cache import cache_root

    return Path(os.environ.get(OWN_STORE) or cache_root() / "node-runs").absolute()


def check_code(driver: Driver) -> None:
    """Raises InputError if this node's code differs from the driver's."""
    if (own_code := code()) != driver.code:
        raise InputError(
            f"--executor ray: the node {platform.node()} has another version of gan-bench ({own_code}) than the driver "
            f"({driver.code}); install the same one there"
        )


@lru_cache
def code() -> str:
    """12 hex digits of the hash of all our source files, and Python's version."""
    root = Path(__file__).parents[3]
    content = hashlib.sha256()
    for path in sorted(path for room in ("bench", "baselines") for path in (root / room).rglob("*.py")):
        content.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{content.hexdigest()[:12]}, Python {sys.version_info.major}.{sys.version_info.minor}"
