"""The time of a training step by part: G, D and the optimisers, told apart by hooks that fit any method."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import torch

from bench.training.method import Method

OPTIMISER = "optimiser"
REST = "rest"
Mark = tuple[str, str, Any]
"""The event (enter, before, forward, gradients, optimiser, end), its network, its time stamp."""


def split_step(method: Method, update: Callable[[], Any], calls: int, device: torch.device) -> dict[str, float]:
    """Part -> seconds of one update, the mean over `calls`; the parts add up to the update.

    The generator's forward pass belongs to the generator. Everything else before an optimiser's step belongs to the
    network of that optimiser. So D's part is its losses on real and fake images and their gradients; G's part is its
    forward pass, D's pass over its images, and the gradients through both.
    """
    stamp = _cuda_stamp if device.type == "cuda" else time.perf_counter
    seconds: defaultdict[str, float] = defaultdict(float)
    marks: list[Mark] = []
    handles = _hooks(method, marks, stamp)
    try:
        for _ in range(calls):
            marks.append(("enter", "", stamp()))
            update()
            marks.append(("end", "", stamp()))
            if device.type == "cuda":
                torch.cuda.synchronize()
            for part, duration in split_marks(marks, _cuda_between if device.type == "cuda" else lambda a, b: b - a):
                seconds[part] += duration / calls
            marks.clear()
    finally:
        for handle in handles:
            handle.remove()
    return dict(seconds)


def _hooks(method: Method, marks: list[Mark], stamp: Callable[[], Any]) -> list[Any]:
    """Register hooks that append marks; gives their handles."""
    handles = []
    for name, optimizer in method.optimizers.items():

        def before(*_: Any, name: str = name) -> None:
            marks.append(("gradients", name, stamp()))

        def after(*_: Any, name: str = name) -> None:
            marks.append((OPTIMISER, name, stamp()))

        handles += [optimizer.register_step_pre_hook(before), optimizer.register_step_post_hook(after)]
    generator = method.networks.get("generator")
    if generator is not None:

        def entered(*_: Any) -> None:
            marks.append(("before", "", stamp()))

        def left(*_: Any) -> None:
            marks.append(("forward", "generator", stamp()))

        handles += [generator.register_forward_pre_hook(entered), generator.register_forward_hook(left)]
    return handles


def split_marks(marks: Sequence[Mark], between: Callable[[Any, Any], float]) -> list[tuple[str, float]]:
    """(part, seconds) of every interval between two marks of one update."""
    parts, owner = [], REST
    # Backwards, since the optimiser that steps next decides to whom an interval belongs.
    for (_, _, start), (event, name, end) in zip(reversed(marks[:-1]), reversed(marks[1:]), strict=True):
        if event == OPTIMISER:
            parts.append((OPTIMISER, between(start, end)))
            continue
        if event == "gradients":
            owner = name
        parts.append((name if event == "forward" else owner, between(start, end)))
    return parts[::-1]


def _cuda_stamp() -> Any:
    event: Any = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def _cuda_between(start: Any, end: Any) -> float:
    """Seconds; CUDA gives milliseconds."""
    return float(start.elapsed_time(end)) / 1000
