"""The loop with the real GAN on random 32x32 images: budgets, the curve, stopping, resuming, diverging."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from bench.config import RunConfig
from bench.data.tasks import Batch
from bench.training.checkpoint import Checkpoints
from bench.training.gan import GAN
from bench.training.method import Progress
from bench.training.trainer import LOG_EVERY, Diverged, Hooks, Interrupted, Pruned, State, train

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


def test_a_budget_in_steps(tmp_path: Path) -> None:
    run = Run(tmp_path, steps=7)
    state = run.train()
    assert state.step == 7
    assert run.drawn == [0, 1, 2, 3, 4, 5, 6]  # one batch a step, in order
    assert run.fractions == pytest.approx([n / 7 for n in range(1, 8)])
    assert not run.checkpoint.exists()


@pytest.mark.parametrize(("images", "steps"), [(48, 12), (50, 13), (3, 1)])
def test_a_budget_in_images_is_never_less(tmp_path: Path, images: int, steps: int) -> None:
    run = Run(tmp_path, steps=None, images=images)
    state = run.train()
    assert state.step == steps
    assert state.curve[-1]["images"] == 4 * steps
    assert run.fractions[-1] == 1.0  # a batch too much is not more than everything


def test_a_budget_in_seconds(tmp_path: Path) -> None:
    run = Run(tmp_path, steps=None, seconds=0.1)
    state = run.train()
    assert state.seconds >= 0.1
    assert run.drawn == list(range(state.step))
    assert run.fractions == sorted(run.fractions)
    assert run.fractions[-1] == 1.0
    assert all(fraction < 1 for fraction in run.fractions[:-1])
    assert run.validations == len(rows(state, "val_spread")) <= 4


# validation and the curve


def counted(progress: Progress) -> int:
    """torch's own count of one update of the method."""
    with FlopCounterMode(display=False) as counter:
        build().update(draw(0), progress)
    return counter.get_total_flops()


def test_a_budget_in_flops_counts_each_phase_by_its_own_price(tmp_path: Path) -> None:
    l1, both = counted(Progress(0, 0.0)), build(pretrain_steps=3)
    with FlopCounterMode(display=False) as counter:
        both.update(draw(0), Progress(0, 0.0))
    pretraining, l1_and_gan = counter.get_total_flops(), l1
    assert 0 < pretraining < l1_and_gan
    budget = 4 * pretraining + 3 * l1_and_gan  # the first step of the new phase is charged as the one before it
    state = Run(tmp_path, steps=None, flops=budget, pretrain_steps=3).train()
    assert (state.step, state.flops) == (7, budget)


def test_a_budget_in_flops_resumes(tmp_path: Path) -> None:
    budget = 6 * counted(Progress(0, 0.0))
    run = Run(tmp_path, steps=None, flops=budget)
    with pytest.raises(Interrupted):
        run.train(stop_at=2)
    assert run.train().flops == budget
    assert run.drawn == list(range(6))


def test_a_run_that_is_not_worth_it_stops_behind_a_validation_and_can_go_on(
    tmp_path: Path, uninterrupted: tuple[Run, State]
) -> None:
    run, seen = Run(tmp_path, **FIELDS), []

    def goes_on(curve: list[dict[str, Any]]) -> bool:
        seen.append(curve[-1]["step"])
        return len(seen) < 2

    with pytest.raises(Pruned):
        run.train(goes_on=goes_on)
    assert seen == [row["step"] for row in rows(uninterrupted[1], "val_spread")][:2]
    assert run.drawn[-1] + 1 == seen[-1]
    assert_same_run((run, run.train()), uninterrupted)


@pytest.mark.parametrize(("validations", "at"), [(4, [5, 10, 15, 20]), (1, [20]), (3, [7, 14, 20])])
def test_validation_is_spread_over_the_budget(tmp_path: Path, validations: int, at: list[int]) -> None:
    run = Run(tmp_path, steps=20, validations=validations)
    assert [row["step"] for row in rows(run.train(), "val_spread")] == at
    assert run.validations == validations


def test_a_validation_after_every_step_leaves_none_out(tmp_path: Path) -> None:
    run = Run(tmp_path, steps=100, validations=100)  # 29 / 100 * 100 is 28.999999999999996
    assert [row["step"] for row in rows(run.train(), "val_spread")] == list(range(1, 101))


def test_no_more_validations_than_steps(tmp_path: Path) -> None:
    run = Run(tmp_path, steps=3, validations=10)
    assert [row["step"] for row in rows(run.train(), "val_spread")] == [1, 2, 3]


def test_a_row_of_the_curve_is_the_mean_since_the_last(tmp_path: Path) -> None:
    state = Run(tmp_path, steps=25, pretrain_steps=12).train()
    plain = build(steps=25, pretrain_steps=12)
    losses = [
        {name: loss.item() for name, loss in plain.update(draw(step), Progress(step, step / 25)).items()}
        for step in range(25)
    ]
    assert LOG_EVERY == 10
    windows = {10: losses[:10], 20: losses[10:20], 25: losses[20:]}
    expected = []
    for name, first in (("l1", 0), ("d_real", 12), ("d_fake", 12), ("g_adversarial", 12)):
        for step, window in windows.items():
            if values := [row[name] for row in window if name in row]:
                assert step > first
                expected.append({"step": step, "images": 4 * step, "name": name, "value": sum(values) / len(values)})
    found = sorted(rows(state, "l1", "d_real", "d_fake", "g_adversarial"), key=lambda row: (row["name"], row["step"]))
    assert found == [
        {**row, "value": pytest.approx(row["value"], rel=1e-12)}
        for row in sorted(expected, key=lambda row: (row["name"], row["step"]))
    ]
    assert not state.window


# stopping and going on


FIELDS: dict[str, Any] = {
    "steps": 24,
    "pretrain_steps": 5,
    "ema": 0.9,
    "learning_rate_decay": "cosine",
    "decay_after": 0.5,
}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, State]:
    run = Run(tmp_path_factory.mktemp("uninterrupted"), **FIELDS)
    return run, run.train()


@pytest.mark.parametrize("stop_at", [1, 3, 6, 10, 17, 23])  # in and after pretraining, on and off a validation or a row
def test_stopped_and_resumed_is_uninterrupted(tmp_path: Path, uninterrupted: tuple[Run, State], stop_at: int) -> None:
    first = Run(tmp_path, **FIELDS)
    with pytest.raises(Interrupted):
        first.train(stop_at=stop_at)
    assert first.drawn == list(range(stop_at))
    again = Run(tmp_path, **FIELDS)  # a new process would have new weights too
    state = again.train()
    assert again.drawn == list(range(stop_at, 24))
    assert first.validations + again.validations == 4
    assert state.seconds > 0
    assert_same_run((again, state), uninterrupted)


def test_stopped_at_every_step_is_uninterrupted(tmp_path: Path, uninterrupted: tuple[Run, State]) -> None:
    for step in range(1, 24):
        with pytest.raises(Interrupted):
            Run(tmp_path, **FIELDS).train(stop_at=step)
    last = Run(tmp_path, **FIELDS)
    assert_same_run((last, last.train()), uninterrupted)


def test_killed_and_resumed_is_uninterrupted(tmp_path: Path, uninterrupted: tuple[Run, State]) -> None:
    killed = Run(tmp_path, **FIELDS)

    def draw_until_killed(step: int) -> Batch:
        if step == 17:
            raise KeyboardInterrupt
        return draw(step)

    with pytest.raises(KeyboardInterrupt):
        killed.train(every_seconds=0, draw=draw_until_killed)
    again = Run(tmp_path, **FIELDS)
    state = again.train()
    assert again.drawn == list(range(10, 24))  # the last checkpoint is at the last full row
    assert_same_run((again, state), uninterrupted)


def test_told_to_stop_at_the_last_step_is_done(tmp_path: Path, uninterrupted: tuple[Run, State]) -> None:
    run = Run(tmp_path, **FIELDS)
    assert_same_run((run, run.train(stop_at=24)), uninterrupted)


def test_images_beyond_a_multiple_of_the_batch_resume_too(tmp_path: Path) -> None:
    fields: dict[str, Any] = {"steps": None, "images": 50}
    (tmp_path / "quiet").mkdir()
    quiet = Run(tmp_path / "quiet", **fields)
    expected = quiet.train()
    with pytest.raises(Interrupted):
        Run(tmp_path, **fields).train(stop_at=12)  # 48 of 50 images
    again = Run(tmp_path, **fields)
    assert_same_run((again, again.train()), (quiet, expected))
    assert again.drawn == [12]


# diverging


@pytest.mark.parametrize(
    ("bad", "value", "logged"),
    [(0, math.nan, []), (13, math.nan, [10]), (19, math.inf, [10]), (23, math.nan, [10, 20])],
)
def test_a_loss_that_is_not_finite_is_divergence(tmp_path: Path, bad: int, value: float, logged: list[int]) -> None:
    def draw_one_bad(step: int) -> Batch:
        batch = draw(step)
        return Batch(batch.input, torch.full_like(batch.target, value)) if step == bad else batch

    run = Run(tmp_path, steps=24, validations=1)
    with pytest.raises(Diverged, match=rf"^l1 became {value} at step {bad}$") as error:
        run.train(draw=draw_one_bad)
    assert error.value.step == bad
    assert [row["step"] for row in rows(error.value.state, "l1")] == logged


def test_a_validation_score_of_nan_is_a_divergence(tmp_path: Path) -> None:
    run = Run(tmp_path, steps=12, validations=3)
    scores = iter([{"val_psnr": math.inf}, {"val_psnr": math.nan}])
    with pytest.raises(Diverged, match=r"^val_psnr became nan at step 8$") as error:
        run.train(validate=lambda: next(scores))
    assert [row["value"] for row in rows(error.value.state, "val_psnr")] == [math.inf]


def test_divergence_is_found_before_a_checkpoint_is_written(tmp_path: Path) -> None:
    run = Run(tmp_path, steps=24)

    def draw_one_bad(step: int) -> Batch:
        batch = run.draw(step)
        return Batch(batch.input * math.nan, batch.target) if step == 2 else batch

    with pytest.raises(Diverged) as error:
        run.train(stop_at=5, draw=draw_one_bad)
    assert error.value.step == 2
    assert not run.checkpoint.exists()


def test_a_damaged_checkpoint_costs_time_but_no_bit(tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    whole = Run(tmp_path / "whole", steps=12)
    whole_state = whole.train()
    run = Run(tmp_path, steps=12)
    with pytest.raises(Interrupted):
        run.train(stop_at=5)
    run.checkpoint.write_bytes(run.checkpoint.read_bytes()[:-10])
    again = Run(tmp_path, steps=12)
    state = again.train()
    assert again.drawn[0] == 0
    assert_same_run((again, state), (whole, whole_state))


def test_waiting_for_batches_is_counted_across_a_resume_and_within_the_seconds(tmp_path: Path) -> None:
    class Slow(Run):
        def draw(self, step: int) -> Batch:
            time.sleep(0.01)
            return super().draw(step)

    with pytest.raises(Interrupted):
        Slow(tmp_path, steps=6).train(stop_at=3)
    state = Slow(tmp_path, steps=6).train()
    assert 0.06 <= state.data_seconds < state.seconds
