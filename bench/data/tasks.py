"""Tasks: what the networks get and give, made from RGB images and turned back into RGB."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any, Protocol

from torch import Tensor

from bench.config import TaskConfig
from bench.data.colour import join_lab, split_lab

REGISTRY: dict[str, str] = {"colorization": "bench.data.tasks:Colorization"}


@dataclass(frozen=True)
class Batch:
    """input: (B, C_in, H, W), target: (B, C_out, H, W), both in [-1, 1]; mask: (B, 1, H, W), 1 where pixels are
    missing, or None."""

    input: Tensor
    target: Tensor
    mask: Tensor | None = None

    def __len__(self) -> int:
        return len(self.input)


class Task(Protocol):
    """Two directions: RGB images to a batch, and a prediction back to RGB."""

    in_channels: int
    out_channels: int

    def batch(self, rgb: Tensor) -> Batch:
        """rgb: (B, 3, H, W) in [0, 1]."""
        ...

    def to_rgb(self, output: Tensor, batch: Batch) -> Tensor:
        """output: (B, C_out, H, W) in [-1, 1] -> (B, 3, H, W) in [0, 1]."""
        ...


class Colorization:
    """Lightness in, ab out, in CIE Lab, normalised (section 4.1.1)."""

    in_channels = 1
    out_channels = 2

    def __init__(self, config: TaskConfig) -> None:
        del config  # colorization has nothing to choose

    def batch(self, rgb: Tensor) -> Batch:
        lightness, ab = split_lab(rgb)
        return Batch(input=lightness, target=ab)

    def to_rgb(self, output: Tensor, batch: Batch) -> Tensor:
        return join_lab(batch.input, output)


def build_task(config: TaskConfig) -> Task:
    """The task that the config names."""
    module, _, name = REGISTRY[config.name].partition(":")
    factory: Any = getattr(importlib.import_module(module), name)
    task: Task = factory(config)
    return task
