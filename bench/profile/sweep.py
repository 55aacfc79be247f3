"""How speed grows with the batch, and with the number of runs at once."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from bench.profile.cases import Case, Settings
from bench.profile.clock import ratios, spread
from bench.profile.compare import Log
from bench.profile.process import OutOfMemory, Subject, SubjectFailed

LARGEST = 2**14
GAIN = 0.02
LONGEST = 10.0  # seconds a call on a CPU
SHARE_OF_RAM = 0.5
SHORT = {"rounds": 3, "least_calls": 10, "least_seconds": 1.0, "most_seconds": 5.0, "patience": 3.0}
"""Settings of one point of a sweep."""


def sweep(case: Case, settings: Settings, tell: Log) -> dict[str, Any]:
    """Batches of 1, 2, 4 ..., each in a fresh process, to out of memory.

    Where memory is also the system's (the CPU) it ends before that: where twice the batch would take half of what is
    free, a call 10 seconds, or two doublings have each gained less than 2%. `ended` says which; `best` is the point
    with the highest speed, None where there is none.
    """
    points: list[dict[str, Any]] = []
    short, on_cpu = replace(settings, **SHORT), settings.device == "cpu"  # type: ignore[arg-type]
    batch, ended = 1, f"batch {LARGEST}, the largest that is tried"
    while batch <= LARGEST:
        tell(f"{case.label}: {case.work}, batch {batch}")
        try:
            points.append(_point(replace(case, batch_size=batch), short))
        except OutOfMemory:
            ended = f"out of memory at batch {batch}"
            break
        except SubjectFailed as error:
            ended = f"batch {batch}: {error}"
            break
        if on_cpu and (reason := _enough(points)):
            ended = reason
            break
        batch *= 2
    best = max(points, key=lambda point: float(point["images_per_second"]), default=None)
    return {"label": case.label, "work": case.work, "points": points, "ended": ended, "best": best}


def _point(case: Case, settings: Settings) -> dict[str, Any]:
    with closing(Subject(case, settings)) as subject:
        warm = subject.ask("warm_up")
        windows = [subject.ask("window") for _ in range(settings.rounds)]
        rates = [images / seconds for _, images, seconds in windows]
        return {
            "batch_size": case.batch_size,
            "images_per_second": float(np.median(rates)),
            "spread": spread(rates),
            "seconds_per_call": warm["seconds_per_call"],
            "memory": subject.ask("memory"),
        }


def _enough(points: Sequence[dict[str, Any]]) -> str | None:
    """Why a sweep on the CPU goes no further, if it does not."""
    last, rates = points[-1], [point["images_per_second"] for point in points]
    if len(rates) > 2 and max(rates[-2:]) < (1 + GAIN) * max(rates[:-2]):
        return f"no faster from batch {points[-3]['batch_size']} on"
    if 2 * last["seconds_per_call"] > LONGEST:
        return f"at batch {2 * last['batch_size']} a call would take more than {LONGEST:.0f} s"
    if 2 * last["memory"]["resident"] > SHARE_OF_RAM * _available_bytes():
        return f"at batch {2 * last['batch_size']} more than half of the free memory would be taken"
    return None


def _available_bytes() -> float:
    """What programs can have without swapping: Linux's estimate, with the caches that it would give up; elsewhere all
    that is installed."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return 1024 * int(next(line.split()[1] for line in lines if line.startswith("MemAvailable:")))
    except (OSError, StopIteration):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def packing(case: Case, counts: Sequence[int], settings: Settings, tell: Log) -> list[dict[str, Any]]:
    """Images a second of 1, 2 ... runs at once, all together, and by round its ratio to the first count's.

    Every run is a process of its own; all start together with equal work, and the time is that of the last.
    Raises SubjectFailed, OutOfMemory.
    """
    subjects: list[Subject] = []
    rates: dict[int, list[float]] = {count: [] for count in counts}
    with ExitStack() as stack:
        for index in range(max(counts)):
            tell(f"{case.label}: warming up {index + 1} of {max(counts)}")
            subjects.append(stack.enter_context(closing(Subject(case, settings))))
            subjects[-1].ask("warm_up")
        for number in range(settings.rounds):
            for count in counts:
                tell(f"{case.label}: {count} at once, round {number + 1} of {settings.rounds}")
                at_work = subjects[:count]
                for subject in at_work:
                    subject.tell("window")
                answers = [subject.hear() for subject in at_work]
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
