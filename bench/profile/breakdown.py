"""Where a training step's time goes: G, D and the optimisers, told apart by hooks, so that any method can be split."""

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
"""What has just ended (enter, forward, optimiser, end), of which network, when."""


def split_step(method: Method, update: Callable[[], Any], calls: int, device: torch.device) -> dict[str, float]:
    """Seconds of one update by part, the mean over `calls`; together they are the update.

    A network's forward pass belongs to it when it is the generator's; all else, up to an optimiser's step, belongs to
    the network that this optimiser moves: so D's part holds its losses on real and fake and their gradients, and G's
    its forward pass, the judgement of its images by D and the gradients through both.
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
            for part, duration in parts(marks, _cuda_between if device.type == "cuda" else lambda a, b: b - a):
                seconds[part] += duration / calls
            marks.clear()
    finally:
        for handle in handles:
            handle.remove()
    return dict(seconds)


def _hooks(method: Method, marks: list[Mark], stamp: Callable[[], Any]) -> list[Any]:
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


def parts(marks: Sequence[Mark], between: Callable[[Any, Any], float]) -> list[tuple[str, float]]:
    """(part, seconds) of every interval between two marks of one update."""
    found, owner = [], REST
    for (_, _, start), (ended, name, end) in zip(reversed(marks[:-1]), reversed(marks[1:]), strict=True):
        if ended == OPTIMISER:
            found.append((OPTIMISER, between(start, end)))
            continue
        if ended == "gradients":
            owner = name
        found.append((name if ended == "forward" else owner, between(start, end)))
    return found[::-1]


def _cuda_stamp() -> Any:
    event: Any = torch.cuda.Event(enable_timing=True)
    event.record()
    return event


def _cuda_between(start: Any, end: Any) -> float:
    return float(start.elapsed_time(end)) / 1000
