"""Compares `bench plan --probe` with the time that `bench run` then takes without its report: a JSON row a study.

python tests/reliability/plan_against_actual.py ablations/pooling.yaml --scale tiny --set train.steps=400 seeds=2

--clock cpu compares seconds of CPU time with one worker, which other load on the machine disturbs less.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

SPAWN = multiprocessing.get_context("spawn")


def row(study: Path, scale: str, changes: Sequence[str], workers: int, clock: str) -> dict[str, Any]:
    """One study in a store and a cache of its own: its price, its actual time, and its price again, which shows how
    steady the machine was."""
    with tempfile.TemporaryDirectory(prefix="bench-plan-") as folder:
        here, load = Path(folder), os.getloadavg()[0]
        asked = [str(study), "--scale", scale, *changes, "--workers", str(workers)]
        before = _priced(asked, study, scale, changes, here / "cache", clock)
        if clock == "cpu":
            actual: float = _apart(_run_in_cpu_seconds, study, scale, changes, here / "cache")
        else:
            started = time.time()
            _bench("run", *asked, "--runs", here / "runs", "--reports", here / "reports", cache=here / "cache")
            actual = max(path.stat().st_mtime for path in (here / "runs").rglob("*.*")) - started
        after = _priced(asked, study, scale, changes, here / "again", clock)
        prices = [told["left"]["wall_seconds"] for told in (before, after)]
        return {
            "study": study.stem,
            "asked": " ".join(asked[1:]),
            "clock": clock,
            "runs": len(before["runs"]),
            "priced_seconds": round(prices[0], 1),
            "actual_seconds": round(actual, 1),
            "ratio": round(prices[0] / actual, 3),
            "priced_again_seconds": round(prices[1], 1),
            "priced_peak_bytes": before["left"]["peak_bytes"],
            "load_before_and_after": [round(load, 2), round(os.getloadavg()[0], 2)],
        }


def _priced(
    asked: Sequence[str], study: Path, scale: str, changes: Sequence[str], cache: Path, clock: str
) -> dict[str, Any]:
    """The output of `bench plan --json` with an empty store, once every config is probed."""
    if clock == "cpu":
        for label in _apart(_labels, study, scale, changes, cache):
            _apart(_probe_in_cpu_seconds, study, scale, changes, cache, label)
    probe = ["--probe"] if clock == "wall" else []
    told = _bench("plan", *asked, *probe, "--json", "--runs", cache.parent / "none", cache=cache)
    return json.loads(told)  # type: ignore[no-any-return]


def _bench(*arguments: str | Path, cache: Path) -> str:
    """A command's standard output."""
    command = [sys.executable, "-m", "bench", *map(str, arguments)]
    done = subprocess.run(command, env=os.environ | {"BENCH_CACHE": str(cache)}, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}: {done.stderr}")
    return done.stdout


def _apart(work: Any, study: Path, scale: str, changes: Sequence[str], cache: Path, *more: str) -> Any:
    """The result of `work` in a process of its own."""
    ours, theirs = SPAWN.Pipe(duplex=False)
    process = SPAWN.Process(target=_answer, args=(theirs, work, study, scale, tuple(changes), cache, *more))
    process.start()
    theirs.close()
    answer = ours.recv()
    process.join()
    return answer


def _answer(pipe: Any, work: Any, study: Path, scale: Any, changes: tuple[str, ...], cache: Path, *more: str) -> None:
    from bench.study.load import load_study

    os.environ["BENCH_CACHE"] = str(cache)
    pipe.send(work(load_study(study, scale, None, changes), *more))


def _labels(study: Any) -> list[str]:
    return [variant.label for variant in study.variants]


def _probe_in_cpu_seconds(study: Any, label: str) -> None:
    """Probe by the process's CPU time instead of the clocks, and remember the probe."""
    time.perf_counter = time.monotonic = time.process_time
    from bench.machine import Machine, processor_name
    from bench.plan.price import Pricing
    from bench.runs.probe import probe
    from bench.runs.probe_cache import remember
    from bench.runs.runner import jobs_of
    from bench.store.run_store import RunStore

    pricing = Pricing(RunStore(Path("none")), Machine(), processor_name(), 1)
    one = next(one for one in pricing.plan(jobs_of([study])) if one.run.label == label)
    remember(one.probe_file, 1, probe(one.run, one.metrics, Machine(), begun=0.0))


def _run_in_cpu_seconds(study: Any) -> float:
    """Do all of the study's work but the report."""
    from rich.console import Console

    from bench.machine import Machine
    from bench.runs.runner import RunRequest, jobs_of, run_jobs
    from bench.store.run_store import RunStore

    with tempfile.TemporaryDirectory(prefix="bench-plan-") as runs:
        run_jobs(RunRequest(jobs_of([study]), RunStore(Path(runs)), Machine(), 1), Console(quiet=True))
    return time.process_time()


def main() -> None:
    """Print each row as soon as it is measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("studies", nargs="+", type=Path)
    parser.add_argument("--scale", default="tiny")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--clock", choices=["wall", "cpu"], default="wall")
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    given = parser.parse_args()
    if given.clock == "cpu" and given.workers != 1:
        parser.error("--clock cpu is of one worker")
    for study in given.studies:
        print(json.dumps(row(study, given.scale, given.set, given.workers, given.clock)), flush=True)


if __name__ == "__main__":
    main()
