"""torch's Adam without torch._dynamo: importing that takes as long as torch itself, and only torch.compile needs it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Adam, Optimizer


def _unwrap(method: Callable[..., Any]) -> Callable[..., Any]:
    """An optimiser's method without the wrapper that imports torch._dynamo, if it has one."""
    return getattr(method, "__wrapped__", method)


class EagerAdam(Adam):
    """Adam for eager steps: the same updates bit by bit, and the same state."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        _unwrap(Optimizer.add_param_group)(self, param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        _unwrap(Optimizer.zero_grad)(self, set_to_none)

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = _unwrap(Optimizer.state_dict)(self)
        return state

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        return _unwrap(_ADAM_STEP)(self, closure)


_ADAM_STEP = Adam.step
