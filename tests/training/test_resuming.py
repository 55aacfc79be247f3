"""A run that is stopped, killed or damaged, and resumed, is bit by bit the run that was not interrupted."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from loop import Run, assert_same_run, draw, rows

from bench.data.tasks import Batch
from bench.training.trainer import Interrupted, Pruned, State

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
