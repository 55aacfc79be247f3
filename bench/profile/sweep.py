"""How speed grows with the batch size, and with the number of runs at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.profile.cases import Case, ProfileSettings
from bench.profile.clock import ratios, spread
from bench.profile.compare import Log
from bench.profile.process import CaseFailed, CaseProcess, OutOfMemory

MAX_BATCH = 2**14
MIN_GAIN = 0.02  # of two doublings together, on a CPU
MAX_CALL_SECONDS = 10.0  # on a CPU
MAX_SHARE_OF_RAM = 0.5
SHORT = {"rounds": 3, "least_calls": 10, "least_seconds": 1.0, "most_seconds": 5.0, "patience": 3.0}
"""Settings of one point of a sweep."""


def sweep(case: Case, settings: ProfileSettings, log: Log) -> dict[str, Any]:
    """Measure batches of 1, 2, 4 ..., each in a fresh process, until memory runs out.

    On the CPU, whose memory is the system's, the sweep ends earlier: if twice the batch would take half of the free
    memory or 10 seconds a call, or if two doublings have not gained 2%. `ended` gives the reason; `best` is the point
    with the highest speed, None without any point.
    """
    points: list[dict[str, Any]] = []
    short, on_cpu = replace(settings, **SHORT), settings.device == "cpu"  # type: ignore[arg-type]
    batch, ended = 1, f"batch {MAX_BATCH}, the largest that is tried"
    while batch <= MAX_BATCH:
        log(f"{case.label}: {case.work}, batch {batch}")
        try:
            points.append(_point(replace(case, batch_size=batch), short))
        except OutOfMemory:
            ended = f"out of memory at batch {batch}"
            break
        except CaseFailed as error:
            ended = f"batch {batch}: {error}"
            break
        if on_cpu and (reason := _end_on_cpu(points)):
            ended = reason
            break
        batch *= 2
    best = max(points, key=lambda point: float(point["images_per_second"]), default=None)
    return {"label": case.label, "work": case.work, "points": points, "ended": ended, "best": best}


def _point(case: Case, settings: ProfileSettings) -> dict[str, Any]:
    """Measure one batch size. Raises OutOfMemory, CaseFailed."""
    with closing(CaseProcess(case, settings)) as process:
        warm = process.ask("warm_up")
        windows = [process.ask("window") for _ in range(settings.rounds)]
        rates = [images / seconds for _, images, seconds in windows]
        return {
            "batch_size": case.batch_size,
            "images_per_second": float(np.median(rates)),
            "spread": spread(rates),
            "seconds_per_call": warm["seconds_per_call"],
            "memory": process.ask("memory"),
        }


def _end_on_cpu(points: Sequence[dict[str, Any]]) -> str | None:
    """Why a sweep on the CPU ends here; None if it goes on."""
    last, rates = points[-1], [point["images_per_second"] for point in points]
    if len(rates) > 2 and max(rates[-2:]) < (1 + MIN_GAIN) * max(rates[:-2]):
        return f"no faster from batch {points[-3]['batch_size']} on"
    if 2 * last["seconds_per_call"] > MAX_CALL_SECONDS:
        return f"at batch {2 * last['batch_size']} a call would take more than {MAX_CALL_SECONDS:.0f} s"
    if 2 * last["memory"]["resident"] > MAX_SHARE_OF_RAM * _available_bytes():
        return f"batch {2 * last['batch_size']} would take more than half of the free memory"
    return None


def _available_bytes() -> float:
    """The memory that programs can get without swapping, as Linux estimates it; elsewhere all installed memory."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith("MemAvailable:")))
    except (OSError, StopIteration):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def measure_packing(case: Case, counts: Sequence[int], settings: ProfileSettings, log: Log) -> list[dict[str, Any]]:
    """The total speed of 1, 2 ... runs at once, and its ratio to that of the first count, round by round.

    Every run is a process of its own. All start together with equal work, and the slowest gives the time.
    Raises CaseFailed, OutOfMemory.
    """
    processes: list[CaseProcess] = []
    rates: dict[int, list[float]] = {count: [] for count in counts}
    with ExitStack() as stack:
        for index in range(max(counts)):
            log(f"{case.label}: warming up {index + 1} of {max(counts)}")
            processes.append(stack.enter_context(closing(CaseProcess(case, settings))))
            processes[-1].ask("warm_up")
        for number in range(settings.rounds):
            for count in counts:
                log(f"{case.label}: {count} at once, round {number + 1} of {settings.rounds}")
                at_once = processes[:count]
                for process in at_once:
                    process.send("window")
                answers = [process.receive() for process in at_once]
                longest = max(seconds for _, _, seconds in answers)
                rates[count].append(sum(images for _, images, _ in answers) / longest)
    return [
        {
            "runs": count,
            "images_per_second": float(np.median(rates[count])),
            "spread": spread(rates[count]),
            "ratio": ratios(rates[count], rates[counts[0]]),
        }
        for count in counts
    ]
