"""The training loop with the real GAN on random 32x32 images, and what a run leaves behind."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from bench.config import RunConfig
from bench.data.tasks import Batch
from bench.training.checkpoint import Checkpoints
from bench.training.gan import GAN
from bench.training.trainer import Hooks, State, train

NEVER = math.inf


def build(**train_fields: Any) -> GAN:
    fields = {
        "data": {"image_size": 32},
        "generator": {"width": 2, "depth": 1},
        "tiling": {"grid": 2},
        "discriminator": {"width": 2},
        "train": {"pretrain_steps": 0, "batch_size": 4, "validations": 4, **train_fields},
    }
    return GAN(RunConfig.model_validate(fields), 1, 2, torch.device("cpu"))


def draw(step: int) -> Batch:
    noise = torch.rand((4, 3, 32, 32), generator=torch.Generator().manual_seed(step)) * 2 - 1
    return Batch(noise[:, :1], noise[:, 1:])


class Run:
    """A method, its checkpoint, and everything that the loop asked for."""

    def __init__(self, folder: Path, **train_fields: Any) -> None:
        self.method = build(**train_fields)
        self.checkpoint, previous = folder / "checkpoint.safetensors", folder / "checkpoint.previous.safetensors"
        self.checkpoints = Checkpoints(self.checkpoint, previous)
        self.drawn: list[int] = []
        self.fractions: list[float] = []
        self.validations = 0

    def draw(self, step: int) -> Batch:
        self.drawn.append(step)
        return draw(step)

    def validate(self) -> dict[str, float]:
        self.validations += 1
        return {"val_spread": self.method.predict(draw(10**6)).std().item()}

    def train(
        self,
        stop_at: int | None = None,
        every_seconds: float = NEVER,
        draw: Callable[[int], Batch] | None = None,
        validate: Callable[[], dict[str, float]] | None = None,
        goes_on: Callable[[list[dict[str, Any]]], bool] = lambda curve: True,
    ) -> State:
        hooks = Hooks(
            draw=draw or self.draw,
            validate=validate or self.validate,
            advanced=self.fractions.append,
            goes_on=goes_on,
            told_to_stop=lambda: bool(self.drawn) and self.drawn[-1] + 1 == stop_at,
        )
        return train(self.method, self.method.config.train, hooks, self.checkpoints, every_seconds)


def tensors(method: GAN) -> dict[str, Tensor]:
    """All that a method has learned, by name."""
    named = {
        f"{n}/{key}": value for n, network in method.networks.items() for key, value in network.state_dict().items()
    }
    for name, optimizer in method.optimizers.items():
        for index, moments in optimizer.state_dict()["state"].items():
            named |= {f"{name}/{index}/{key}": value for key, value in moments.items()}
    return named


def rows(state: State, *names: str) -> list[dict[str, Any]]:
    """The curve without the times."""
    return [
        {key: value for key, value in row.items() if key != "seconds"}
        for row in state.curve
        if not names or row["name"] in names
    ]


def assert_same_run(a: tuple[Run, State], b: tuple[Run, State]) -> None:
    assert rows(a[1]) == rows(b[1])
    assert (a[1].step, a[1].validated, a[1].window) == (b[1].step, b[1].validated, b[1].window)
    ours, theirs = tensors(a[0].method), tensors(b[0].method)
    assert ours.keys() == theirs.keys()
    assert [name for name in ours if not torch.equal(ours[name], theirs[name])] == []


# budgets
