"""What runs on the nodes: a probe, a run, the measuring of a run, and what a node says of itself."""

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
    from bench.runs.executors import Job
    from bench.runs.probe_cache import Probe
    from bench.store.run_store import RunStore, State
    from bench.study.study import Run

EXCHANGE_SECONDS = 0.5
PATIENCE_SECONDS = 120  # for the board to answer: it may be writing what others send
OWN_STORE = "BENCH_NODE_RUNS"  # a node's environment: a folder for runs of its own, though it may see the driver's


class ClusterLost(Exception):
    """The cluster does not answer any more, or has no nodes left that could do the work."""


@dataclass(frozen=True)
class Driver:
    """What tasks know of the command that sent them."""

    board: Any
    store: RunStore
    token: str
    """Name of a file that lies in the store for as long as the command is at work."""
    folder: Path
    """Where it was given."""
    code: str
    holder: str = ""
    """The task's own name."""


class Line:
    """A task's connection with the board. Inside a `with`, a thread exchanges news for the word to stop; a board that
    is gone, since the driver is, says stop too."""

    def __init__(self, driver: Driver) -> None:
        self.board, self.holder = driver.board, driver.holder
        self.latest: dict[str, tuple[str, float]] = {}
        self.guard, self.is_over, self.left = threading.Lock(), threading.Event(), threading.Event()
        self.thread = threading.Thread(target=self._exchange_on, daemon=True)

    def __enter__(self) -> Line:
        self._exchange()
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.left.set()
        self.thread.join()
        self._exchange()

    def tell(self, name: str, phase: str, share: float) -> None:
        """News of a run; of several between two exchanges, the last goes."""
        with self.guard:
            self.latest[name] = (phase, share)

    def told_to_stop(self) -> bool:
        return self.is_over.is_set()

    def ask(self, what: str, run: str, *more: Any) -> Any:
        """Of the run's files and its claim. Raises what the board does, and ray's errors if it is gone."""
        from ray.exceptions import RayTaskError

        try:
            return self._call(what, run, self.holder, *more)
        except RayTaskError as error:
            raise error.cause from None

    def _call(self, what: str, *arguments: Any) -> Any:
        import ray

        return ray.get(getattr(self.board, what).remote(*arguments), timeout=PATIENCE_SECONDS)

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


def greet(driver: Driver) -> bool:
    """Whether this node sees the driver's store. Raises InputError if its code is another."""
    check_code(driver)
    return sees(driver.store.root / driver.token)


def probe(job: Job, machine: Machine, driver: Driver) -> Probe:
    """What a run takes on this node: as remembered here, or measured in a process of its own."""
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
        if (found := recall(file, 1)) is None:
            patience = threading.Timer(machine.hang_seconds, _kill_children)
            patience.start()
            found = probe_apart(run, metrics, machine)
            patience.cancel()
            if not found.reason:
                remember(file, 1, found)
        return found


def _kill_children() -> None:
    """A probe that hangs, as its run will, which has a name for it."""
    for process in multiprocessing.active_children():
        process.kill()


def work(job: Job, machine: Machine, driver: Driver) -> State | None:
    """Train and score a run; None when told to stop before the end."""
    from bench.runs.run import Watch, execute
    from bench.training.trainer import Interrupted

    run, metrics = job
    with at_node(driver) as (line, store):
        if line.told_to_stop():
            return None
        try:
            return execute(run, metrics, store, machine, Watch(line.tell, line.told_to_stop))
        except Interrupted:
            return None


def measure(run: Run, machine: Machine, driver: Driver) -> State:
    """Count a run's cost and measure its speed."""
    import bench.runs.run

    with at_node(driver) as (line, store):
        return bench.runs.run.measure(run, store, machine, bench.runs.run.Watch(line.tell))


@contextmanager
def at_node(driver: Driver) -> Iterator[tuple[Line, RunStore]]:
    """A task's line to the driver, and the store: the driver's where it is seen, else one that is carried."""
    from bench.runs.ray_cluster.carried_store import CarriedStore

    check_code(driver)
    if driver.folder.is_dir():
        os.chdir(driver.folder)  # relative paths, and methods from outside
    with Line(driver) as line:
        if sees(driver.store.root / driver.token):
            yield line, driver.store
            return
        own = node_runs() / line.holder
        try:
            yield line, CarriedStore(own, line)
        finally:
            shutil.rmtree(own, ignore_errors=True)


def sees(token: Path) -> bool:
    """Whether the folder that the token is in is the driver's own."""
    return OWN_STORE not in os.environ and token.exists()


def node_runs() -> Path:
    """Where a node that does not see the driver's store keeps runs while they are at work."""
    from bench.data.cache import cache_root

    return Path(os.environ.get(OWN_STORE) or cache_root() / "node-runs").absolute()


def check_code(driver: Driver) -> None:
    """Raises InputError if this node would compute with other code than the driver's."""
    if (ours := code()) != driver.code:
        raise InputError(
            f"--executor ray: the node {platform.node()} has another version of gan-bench ({ours}) than the driver "
            f"({driver.code}); install the same one there"
        )


@lru_cache
def code() -> str:
    """Python's version, and 12 hex digits of the content of all our source files."""
    root = Path(__file__).parents[3]
    content = hashlib.sha256()
    for path in sorted(path for room in ("bench", "baselines") for path in (root / room).rglob("*.py")):
        content.update(path.relative_to(root).as_posix().encode() + b"\0" + path.read_bytes())
    return f"{content.hexdigest()[:12]}, Python {sys.version_info.major}.{sys.version_info.minor}"
