"""The contract between a method and the harness."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from torch import Tensor, nn
from torch.optim import Optimizer

from bench.data.tasks import Batch


@dataclass(frozen=True)
class Progress:
    """Where a run stands: the iteration, from 0, and the share of the budget that is spent, in [0, 1)."""

    step: int
    fraction: float


class Method(Protocol):
    """Anything that learns from batches and predicts. All that changes while it learns lies in these two dicts, so
    that the harness can count it, save it and bring it back bit by bit."""

    networks: dict[str, nn.Module]
    """By name; "generator" is what predicts. Empty for a method without parameters, which is not trained."""
    optimizers: dict[str, Optimizer]

    def update(self, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """One iteration, without I/O; gives the losses as detached scalars on the device."""
        ...

    def predict(self, batch: Batch) -> Tensor:
        """(B, C_out, H, W) in [-1, 1], without gradients, independent of the other images of the batch."""
        ...


@runtime_checkable
class Capturable(Method, Protocol):
    """A method whose update falls in two, so that the second half can be replayed as a CUDA graph.

    update(batch, progress) is compute(batch, prepare(progress)). A method whose update draws random numbers or changes
    a learning rate is none.
    """

    def prepare(self, progress: Progress) -> str:
        """Put what changes with progress into tensors on the device; gives the name of what compute has to do."""
        ...

    def compute(self, batch: Batch, phase: str) -> dict[str, Tensor]:
        """The update of a phase: device work alone, the same operators on the same tensors each time."""
        ...
