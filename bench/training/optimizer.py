"""torch's Adam without torch._dynamo, whose import takes as long as torch's own and serves torch.compile alone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.optim import Adam, Optimizer


def _bare(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of torch's optimisers without the wrapper that imports torch._dynamo, or as it is if it has none."""
    return getattr(method, "__wrapped__", method)


class EagerAdam(Adam):
    """Adam, for steps that torch.compile does not see: the same updates, bit by bit, and the same state."""

    def add_param_group(self, param_group: dict[str, Any]) -> None:
        _bare(Optimizer.add_param_group)(self, param_group)

    def zero_grad(self, set_to_none: bool = True) -> None:
        _bare(Optimizer.zero_grad)(self, set_to_none)

    def state_dict(self) -> dict[str, Any]:
        state: dict[str, Any] = _bare(Optimizer.state_dict)(self)
        return state

    @torch.no_grad()
    def step(self, closure: Any = None) -> Any:
        return _bare(_ADAMS_STEP)(self, closure)


_ADAMS_STEP = Adam.step
