"""`bench plan --probe` against what `bench run` then takes: a JSON row a study.

python tests/reliability/plan_against_actual.py ablations/pooling.yaml --scale tiny --set train.steps=400 seeds=2
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any


def rows(studies: Sequence[Path], asked: Sequence[str], workers: int) -> Iterator[dict[str, Any]]:
    """Each study in a store and a cache of its own: the price, the seconds until the last record lay in the store, and
    the price once more, which says how steady the machine was meanwhile."""
    for study in studies:
        with tempfile.TemporaryDirectory(prefix="bench-plan-") as folder:
            here, load = Path(folder), os.getloadavg()[0]
            before, took = _priced(study, asked, workers, here / "cache")
            started = time.time()
            ended = _bench("run", study, asked, workers, here / "cache", "--reports", str(here / "reports"))
            actual = max(path.stat().st_mtime for path in (here / "runs").rglob("*.*")) - started
            after, _ = _priced(study, asked, workers, here / "cache2")
            yield {
                "study": study.stem,
                "asked": " ".join(asked),
                "workers": workers,
                "runs": len(before["runs"]),
                "priced_seconds": round(before["left"]["wall_seconds"], 1),
                "actual_seconds": round(actual, 1),
                "ratio": round(before["left"]["wall_seconds"] / actual, 3),
                "priced_again_seconds": round(after["left"]["wall_seconds"], 1),
                "priced_peak_bytes": before["left"]["peak_bytes"],
                "probing_seconds": round(took, 1),
                "load_before_and_after": [round(load, 2), round(os.getloadavg()[0], 2)],
                "exit_code": ended.returncode,
            }


def _priced(study: Path, asked: Sequence[str], workers: int, cache: Path) -> tuple[dict[str, Any], float]:
    """What `bench plan --probe --json` says of an empty store, and its seconds."""
    started = time.monotonic()
    done = _bench("plan", study, asked, workers, cache, "--probe", "--json", runs="none")
    if done.returncode:
        raise SystemExit(done.stderr)
    return json.loads(done.stdout), time.monotonic() - started


def _bench(
    command: str, study: Path, asked: Sequence[str], workers: int, cache: Path, *more: str, runs: str = "runs"
) -> subprocess.CompletedProcess[str]:
    arguments = [command, str(study), *asked, "--workers", str(workers), "--runs", str(cache.parent / runs), *more]
    environment = os.environ | {"BENCH_CACHE": str(cache)}
    return subprocess.run(
        [sys.executable, "-m", "bench", *arguments], env=environment, capture_output=True, text=True, check=False
    )


def main() -> None:
    """Print a row as soon as it is there."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("studies", nargs="+", type=Path)
    parser.add_argument("--scale", default="tiny")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--set", nargs="*", default=[], metavar="KEY=VALUE")
    given = parser.parse_args()
    for row in rows(given.studies, ["--scale", given.scale, *given.set], given.workers):
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
