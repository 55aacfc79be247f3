"""The driver's side of a Ray cluster: submits one task a run, and gives how each ended."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError, RayTaskError, TaskCancelledError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from bench.errors import InputError, LeftAsItIs, StoreLost, Unreadable, Unwritable, fault_of, with_class
from bench.machine import Machine
from bench.runs.executors import End, ProgressCallback, signals_stop
from bench.runs.ray_cluster import tasks
from bench.runs.ray_cluster.resources import Resources, default_resources, resources_for
from bench.runs.ray_cluster.tasks import ClusterLost, Driver
from bench.store.run_store import RunStore, TakenOver
from bench.study.study import Job, Run

POLL_SECONDS = 0.2


class Cluster:
    """The nodes that execute runs. `execute` and `measure` are executors (bench/runs/executors.py)."""

    def __init__(self, driver: Driver) -> None:
        """Raises InputError for a node with other code."""
        self.driver = driver
        self.holders: dict[Any, str] = {}
        self.nodes_without_store = _nodes_without_store(driver)
        """Nodes that do not see the driver's store."""

    def device(self, name: str) -> str:
        """auto -> cuda where a node has a GPU, else cpu. Raises InputError."""
        if ":" in name:
            raise InputError(f"--device {name}: Ray hands out the GPUs; say cuda")
        if name == "cuda" and not self.gpus():
            raise InputError("--device cuda: no node of the cluster has a GPU")
        return name if name != "auto" else "cuda" if self.gpus() else "cpu"

    def room(self, machine: Machine) -> int:
        """How many tasks with a GPU, or with `machine.threads` CPUs, can be at work at a time. Raises InputError for
        none."""
        nodes = _fit(machine)
        if not nodes:
            beside = " beside a GPU" if machine.device == "cuda" else ""
            raise InputError(f"--threads {machine.threads}: no node of the cluster has so many CPUs{beside}")
        if machine.device == "cuda":
            return int(sum(node["Resources"]["GPU"] for node in nodes))
        return int(sum(node["Resources"]["CPU"] // machine.threads for node in nodes))

    def gpus(self) -> int:
        """The number of GPUs."""
        return int(sum(node["Resources"].get("GPU", 0) for node in alive()))

    def execute(
        self, jobs: Sequence[Job], store: RunStore, machine: Machine, tell: ProgressCallback
    ) -> Iterator[tuple[Run, End]]:
        """Each run in a task of its own, once a probe of its config tells which resources it needs."""
        self.room(machine)
        jobs_by_config: dict[Any, list[Job]] = {}
        for job in map(_with_absolute_path, jobs):
            jobs_by_config.setdefault((job[0].config.model_copy(update={"seed": 0}), job[1]), []).append(job)
        probes = {
            self.submit(tasks.probe_job, default_resources(machine), like[0], machine): like
            for like in jobs_by_config.values()
        }
        runs: dict[Any, Run] = {}
        refs = [*probes]
        for ref in self.ends(refs, tell):
            if ref in probes:
                resources = self._resources(ref, machine)
                begun = {self.submit(tasks.execute_job, resources, job, machine): job[0] for job in probes[ref]}
                runs |= begun
                refs += begun
            elif (state := self._end(ref, runs[ref], store, "outcome")) is not None:
                yield runs[ref], state

    def measure(
        self, jobs: Sequence[Job], store: RunStore, machine: Machine, tell: ProgressCallback
    ) -> Iterator[tuple[Run, End]]:
        """One run after the other on one node, with all its CPUs, so that Ray gives that node no other task."""
        for run, _ in map(_with_absolute_path, jobs):
            node, resources = _largest(machine)
            ref = self.submit(tasks.measure_run, resources, run, machine, scheduling_strategy=_on(node))
            [_] = self.ends([ref], tell)
            if (state := self._end(ref, run, store, "throughput.missing")) is not None:
                yield run, state

    def submit(self, task: Any, resources: Resources, *arguments: Any, **options: Any) -> Any:
        """Hand a task to Ray; gives the reference to its result."""
        holder = uuid.uuid4().hex
        ref = _remote(task, **resources.options(), **options).remote(*arguments, replace(self.driver, holder=holder))
        self.holders[ref] = holder
        return ref

    def ends(
        self, refs: list[Any], tell: ProgressCallback, meanwhile: Callable[[], object] = lambda: None
    ) -> Iterator[Any]:
        """References as their tasks end; `refs` may grow. Raises KeyboardInterrupt when told to stop, once all
        tasks have saved where they are."""
        stop, ended, is_told = threading.Event(), set[Any](), False
        with signals_stop(stop):
            while pending := [ref for ref in refs if ref not in ended]:
                ready, _ = ray.wait(pending, num_returns=len(pending), timeout=POLL_SECONDS)
                for name, (phase, share) in ray.get(self.driver.actor.news.remote()).items():
                    tell(name, phase, share)
                meanwhile()
                if stop.is_set() and not is_told:
                    is_told, begun = True, ray.get(self.driver.actor.stop.remote())
                    for ref in pending:
                        if self.holders[ref] not in begun:
                            ray.cancel(ref)
                ended |= set(ready)
                yield from ready
        if stop.is_set():
            raise KeyboardInterrupt

    def result(self, ref: Any) -> Any:
        """A task's result; None if it was cancelled, "lost" if its process, its node or the result is gone. Raises what
        the task raised, from the RayTaskError that tells where."""
        try:
            return ray.get(ref)
        except TaskCancelledError:
            return None
        except RayTaskError as error:
            if isinstance(error.cause, RayError):
                return "lost"
            raise error.cause from error
        except RayError:
            return "lost"

    def _end(self, ref: Any, run: Run, store: RunStore, record: str) -> End | None:
        """How a run's task ended; None if it was told to stop before the run's end. A failure is stored in the run's
        `record`, unless the run is left as it is. Raises InputError and StoreLost."""
        try:
            state: End | None = self.result(ref)
        except InputError:
            raise
        except TakenOver:
            return "running"
        except LeftAsItIs as left:
            return left
        except (Unreadable, Unwritable) as error:
            return LeftAsItIs(str(error))
        except Exception as error:  # mostly of a store: other failures of a run are stored by its task
            reason, more = with_class(error), {"traceback": str(error.__cause__), "fault": fault_of(error)}
            try:
                if record == "outcome":
                    store.end(run.id, "failed", reason, **more)
                else:
                    store.write(run.id, record, {"reason": reason, **more})
            except OSError as lost:
                raise StoreLost(store.root, lost) from None
            return "failed"
        if state == "lost":
            ray.get(self.driver.actor.drop.remote(run.id))
        return state

    def _resources(self, ref: Any, machine: Machine) -> Resources:
        """The resources for runs of a config, by the result of its probe."""
        try:
            probe = self.result(ref)
        except InputError:
            raise
        except Exception:  # the runs will fail in the same way, and say so
            probe = None
        if probe is None or probe == "lost":
            return default_resources(machine)
        return resources_for(
            probe, machine, max([node["Resources"].get("memory", 0) for node in _fit(machine)], default=0)
        )


def _remote(task: Any, **options: Any) -> Any:
    """A function as a Ray task. Ray does not retry: the runner does, and counts."""
    return ray.remote(task).options(max_retries=0, **options)


def alive() -> list[dict[str, Any]]:
    """Ray's descriptions of the living nodes, those with most CPUs first."""
    nodes = [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    return sorted(nodes, key=lambda node: (-node["Resources"].get("CPU", 0), node["NodeID"]))


def _fit(machine: Machine) -> list[dict[str, Any]]:
    """Nodes with enough CPUs, and a GPU if the machine is `cuda`."""
    nodes = [node for node in alive() if node["Resources"].get("CPU", 0) >= machine.threads]
    return [node for node in nodes if machine.device == "cpu" or node["Resources"].get("GPU")]


def _on(node: dict[str, Any]) -> NodeAffinitySchedulingStrategy:
    return NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)


def _largest(machine: Machine) -> tuple[dict[str, Any], Resources]:
    """The node that speed is measured on, and all its CPUs."""
    nodes = _fit(machine)
    if not nodes:
        raise ClusterLost("no node is left that speed could be measured on")
    return nodes[0], Resources(int(nodes[0]["Resources"]["CPU"]), float(machine.device == "cuda"))


def _nodes_without_store(driver: Driver) -> list[str]:
    """Names of the nodes that do not see the driver's store. Raises InputError for a node with other code, or none."""
    checks = {}
    for node in alive():
        check = _remote(tasks.check_node, num_cpus=0, scheduling_strategy=_on(node)).remote(driver)
        checks[check] = node["NodeManagerHostname"]
    names = []
    for check, name in checks.items():
        try:
            names += [] if ray.get(check) else [name]
        except RayTaskError as error:
            if isinstance(error.cause, InputError):
                raise error.cause from None
            reason = with_class(error.cause)
            raise InputError(f"--executor ray: gan-bench cannot be used on the node {name} ({reason})") from None
        except RayError:  # the node died meanwhile; others may be alive
            continue
    return names


def _with_absolute_path(job: Job) -> Job:
    """The job with the driver's absolute data path, where nodes look for the data."""
    run, metrics = job
    data = run.config.data
    if data.path is None:
        return job
    here = data.model_copy(update={"path": str(Path(data.path).expanduser().absolute())})
    return replace(run, config=run.config.model_copy(update={"data": here})), metrics
