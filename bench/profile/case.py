"""What is measured: a config, what is done with it, by which loop, at which batch size."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from bench.config import RunConfig

Work = Literal["training", "inference", "scoring"]
Loop = Literal["as run", "plain", "reference", "compiled", "cuda graphs", "one at a time", "shared"]
"""as run: what `bench run` does. plain: training and inference as one would first write them. reference: pix2pix as its
authors' release trains it. compiled: inference by torch.compile with frozen weights. cuda graphs: training with
--cuda-graphs. one at a time, shared: of scoring."""


@dataclass(frozen=True)
class Case:
    """One row of a table of speeds."""

    label: str
    config: RunConfig
    work: Work
    batch_size: int
    loop: Loop = "as run"


@dataclass(frozen=True)
class Settings:
    """How a case is measured."""

    device: str = "cpu"
    threads: int = 1
    rounds: int = 5
    least_calls: int = 100
    least_seconds: float = 5.0
    most_seconds: float = 30.0
    """Of one row's windows, where so many calls would take longer."""
    warm_up_seconds: float = 2.0
    """At the least."""
    patience: float = 10.0
    """Seconds for windows to become alike while warming up."""
