"""CUDA graphs: replay a training step with one kernel launch instead of several hundred."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from bench.data.tasks import Batch
from bench.training.method import Capturable, Method, Progress

EAGER_STEPS = 3
"""Steps of each phase that run eagerly before its capture: cuDNN, Adam and the allocator initialise in them."""


def with_graphs(method: Method) -> Method:
    """The method with its updates replayed as CUDA graphs, or the method itself if it is not Capturable."""
    return GraphedMethod(method) if isinstance(method, Capturable) else method


class GraphedMethod:
    """A Capturable method on CUDA: the first EAGER_STEPS updates of a phase run eagerly, the others as a graph.

    Capturing computes nothing, so every update is computed exactly once. A batch whose shape differs from the captured
    one runs eagerly. All state is in the method's two dicts, so checkpoints do not depend on graphs.
    """

    def __init__(self, method: Capturable) -> None:
        self.method = method
        self.networks: dict[str, nn.Module] = method.networks
        self.optimizers: dict[str, Optimizer] = method.optimizers
        self._stream: Any = torch.cuda.Stream()
        self._eager_steps: dict[str, int] = {}
        self._graphs: dict[str, _Graph] = {}

    def update(self, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        phase = self.method.prepare(progress)
        graph = self._graphs.get(phase)
        if graph is not None and graph.fits(batch):
            return graph.replay(batch)
        if graph is not None or self._eager_steps.get(phase, 0) < EAGER_STEPS:
            self._eager_steps[phase] = self._eager_steps.get(phase, 0) + 1
            return self._compute_eagerly(batch, phase)
        self._graphs[phase] = _Graph(self.method, batch, phase, self._stream)
        return self._graphs[phase].replay(batch)

    def predict(self, batch: Batch) -> Tensor:
        return self.method.predict(batch)

    def _compute_eagerly(self, batch: Batch, phase: str) -> dict[str, Tensor]:
        # On the stream of the later capture, because memory allocated now is reused in it.
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            losses = self.method.compute(batch, phase)
        torch.cuda.current_stream().wait_stream(self._stream)
        return losses


class _Graph:
    """The captured update of one phase, and the tensors that it reads and writes."""

    def __init__(self, method: Capturable, batch: Batch, phase: str, stream: Any) -> None:
        self.batch = _clone(batch)
        self.graph: Any = torch.cuda.CUDAGraph()
        for optimizer in method.optimizers.values():
            optimizer.zero_grad(set_to_none=True)  # otherwise gradients would lie outside the graph's memory
        with torch.cuda.graph(self.graph, stream=stream):
            self.losses = method.compute(self.batch, phase)

    def fits(self, batch: Batch) -> bool:
        has_same_count = len(batch.fresh) == len(self.batch.fresh)
        return has_same_count and batch.input.shape == self.batch.input.shape

    def replay(self, batch: Batch) -> dict[str, Tensor]:
        _copy(batch, self.batch)
        self.graph.replay()
        return {name: loss.clone() for name, loss in self.losses.items()}  # the next replay overwrites them


def _clone(batch: Batch) -> Batch:
    mask = None if batch.mask is None else batch.mask.clone()
    return Batch(batch.input.clone(), batch.target.clone(), mask, tuple(map(_clone, batch.fresh)))


def _copy(source: Batch, target: Batch) -> None:
    """Fill the target's tensors in place."""
    target.input.copy_(source.input)
    target.target.copy_(source.target)
    if target.mask is not None and source.mask is not None:
        target.mask.copy_(source.mask)
    for fresh_source, fresh_target in zip(source.fresh, target.fresh, strict=True):
        _copy(fresh_source, fresh_target)
