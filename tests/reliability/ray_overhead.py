"""Measures Ray's overhead a run: the same small runs through one Ray node of one CPU, then through a local process.

python tests/reliability/ray_overhead.py [ROUNDS] prints JSON: medians with the least and the greatest."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from ray.cluster_utils import Cluster

from bench.machine import Machine
from bench.runs.executors import Executor, local_processes
from bench.runs.ray_cluster.connect import connected
from bench.runs.runner import jobs_of
from bench.store.run_store import RunStore
from bench.study.load import load_study
from bench.study.study import Job

STUDY = Path(__file__).parents[2] / "ablations" / "pooling.yaml"
OVERRIDES = ("seeds=2", 'baselines=["gray"]')


def overhead(rounds: int) -> dict[str, Any]:
    """After one round that does not count: imports come into the page cache, and probes are remembered."""
    jobs = jobs_of([load_study(STUDY, "tiny", None, OVERRIDES)])
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    found: dict[str, list[float]] = {"local": [], "ray": [], "difference": [], "connecting": []}
    for _ in range(rounds + 1):
        with tempfile.TemporaryDirectory() as folder:
            local = _seconds(local_processes(1), jobs, RunStore(Path(folder, "local")))
            store, began = RunStore(Path(folder, "ray")), time.perf_counter()
            with connected(cluster.address, store) as nodes:
                found["connecting"].append(time.perf_counter() - began)
                by_ray = _seconds(nodes.execute, jobs, store)
        found["local"].append(local)
        found["ray"].append(by_ray)
        found["difference"].append(by_ray - local)
    cluster.shutdown()
    shown = {name: _spread(values[1:]) for name, values in found.items()}
    connecting = shown.pop("connecting")
    counts = {"runs": len(jobs), "rounds": rounds}
    return counts | {"seconds_per_run": shown, "seconds_to_connect": connecting}


def _seconds(executor: Executor, jobs: list[Job], store: RunStore) -> float:
    """Of a run, processes and imports included."""
    began = time.perf_counter()
    states = [state for _, state in executor(jobs, store, Machine(), lambda *news: None)]
    assert states == ["done"] * len(jobs), states
    return (time.perf_counter() - began) / len(jobs)


def _spread(values: list[float]) -> dict[str, float]:
    return {"median": round(median(values), 3), "least": round(min(values), 3), "greatest": round(max(values), 3)}


if __name__ == "__main__":
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    print(json.dumps(overhead(int(sys.argv[1]) if len(sys.argv) > 1 else 5), indent=1))
