"""The search space: its size, the distributions that Optuna gets, and the config values of its proposals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import optuna
import pytest
import yaml
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import FixedTrial

from bench.search.proposals import in_words, propose
from bench.search.space import Part, Range, count_configs, read_space
from bench.study.yaml_lines import Located

LAMBDA = {
    "constant": {"loss.l1": {"low": 1.0, "high": 9.0}},
    "falling": {"loss.l1.kind": "linear", "loss.l1.start": [50, 100], "loss.l1.end": {"low": 1, "high": 3}},
}


def read(folder: Path, space: dict[str, Any]) -> list[Part]:
    path = folder / "s.yaml"
    path.write_text(yaml.safe_dump({"space": space}, sort_keys=False))
    located = Located(path)
    return read_space(located, located.content["space"])


def values(parts: list[Part], **params: Any) -> dict[str, Any]:
    trial = FixedTrial({name.replace("__", "."): value for name, value in params.items()})
    return {path: value for path, (value, _) in propose(parts, trial).items()}


def test_a_block_brings_its_own_parameters_and_fixed_values(tmp_path: Path) -> None:
    parts = read(tmp_path, {"generator.width": {"low": 8, "high": 32, "step": 8}, "lambda": LAMBDA})
    constant = {"generator.width": 16, "lambda": "constant", "lambda=constant/loss.l1": 2.5}
    assert values(parts, **constant) == {"generator.width": 16, "loss.l1": 2.5}
    falling = {
        "generator.width": 8, "lambda": "falling", "lambda=falling/loss.l1.start": 50, "lambda=falling/loss.l1.end": 3,
    }  # fmt: skip
    assert values(parts, **falling) == {
        "generator.width": 8, "loss.l1.kind": "linear", "loss.l1.start": 50, "loss.l1.end": 3,
    }  # fmt: skip


def test_every_parameter_has_its_optuna_distribution(tmp_path: Path) -> None:
    space = {
        "train.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
        "generator.width": {"low": 8, "high": 32, "step": 8},
        "train.ema": [None, 0.99],
        "train.betas": [[0.5, 0.999], [0.0, 0.9]],
    }
    trial = optuna.create_study().ask()
    proposed = {path: value for path, (value, _) in propose(read(tmp_path, space), trial).items()}
    assert trial.distributions == {
        "train.learning_rate": FloatDistribution(1e-4, 1e-2, log=True),
        "generator.width": IntDistribution(8, 32, step=8),
        "train.ema": CategoricalDistribution((None, 0.99)),
        "train.betas": CategoricalDistribution(("[0.5, 0.999]", "[0.0, 0.9]")),
    }
    assert proposed["train.betas"] in ([0.5, 0.999], [0.0, 0.9])


def test_true_and_one_are_two_values(tmp_path: Path) -> None:
    parts = read(tmp_path, {"discriminator.context": [True, 1]})
    assert values(parts, discriminator__context=1)["discriminator.context"] is not True


@pytest.mark.parametrize(
    ("space", "count"),
    [
        ({"generator.width": {"low": 8, "high": 32, "step": 8}}, 4),
        ({"generator.width": {"low": 8, "high": 32}}, 25),
        ({"generator.depth": [1, 2], "lambda": LAMBDA | {"constant": {"loss.l1": [1, 2]}}}, 2 * (2 + 2 * 3)),
        ({"train.learning_rate": {"low": 1e-4, "high": 1e-2}}, None),
        ({"train.ema": {"low": 0.5, "high": 0.9, "step": 0.1}}, 5),
    ],
)
def test_the_size_of_a_space(tmp_path: Path, space: dict[str, Any], count: int | None) -> None:
    assert count_configs(read(tmp_path, space)) == count


def test_in_words(tmp_path: Path) -> None:
    parts = read(tmp_path, {"train.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}, "lambda": LAMBDA})
    assert in_words(parts) == {
        "train.learning_rate": "0.0001 to 0.01, logarithmic",
        "lambda": "constant, falling",
        "lambda=constant/loss.l1": "1 to 9",
        "lambda=falling/loss.l1.start": "50, 100",
        "lambda=falling/loss.l1.end": "1 to 3",
    }


def test_whole_numbers_give_whole_numbers() -> None:
    assert Range(low=1, high=9).is_whole
    assert not Range(low=1.0, high=9).is_whole
    assert not Range(low=1, high=9, step=0.5).is_whole
