"""The training loop: budgets, the curve, diverging."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from loop import Run, build, draw, rows
from torch.utils.flop_counter import FlopCounterMode

from bench.data.tasks import Batch
from bench.training.method import Progress
from bench.training.trainer import LOG_EVERY, Diverged, Interrupted

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
