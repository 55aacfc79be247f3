"""Every registered method keeps the contract, and every violation of it is reported."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from baselines import METHODS
from baselines.contract import contract_violations, tasks_of
from baselines.weights import base_of

PAIRS = [(method, task) for method in METHODS if base_of(method) is None for task in tasks_of(method)]
SLOW = {"zhang2016", "zhang2017", "nazeri2018", "pix2pix", "iizuka2017", "yu2018", "yu2019"}
CASES = [pytest.param(*pair, marks=pytest.mark.slow if pair[0] in SLOW else (), id="-".join(pair)) for pair in PAIRS]


@pytest.mark.parametrize(("method", "task"), CASES)
def test_every_method_keeps_the_contract(method: str, task: str) -> None:
    assert list(contract_violations(method, task)) == []


BAD = """
import torch
from torch import nn


class Good:
    def __init__(self, config, in_channels, out_channels, device):
        torch.manual_seed(config.seed)
        self.net = nn.Conv2d(in_channels, out_channels, 1).to(device)
        self.networks = {"generator": self.net}
        self.optimizers = {"generator": torch.optim.Adam(self.net.parameters())}

    def update(self, batch, progress):
        loss = (self.net(batch.input) - batch.target).square().mean()
        self.optimizers["generator"].zero_grad()
        loss.backward()
        self.optimizers["generator"].step()
        return {"l2": loss.detach()}

    @torch.inference_mode()
    def predict(self, batch):
        return self.net(batch.input).tanh()


class Wild(Good):
    def predict(self, batch):
        return 3 * self.net(batch.input)


class Unseeded(Good):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        torch.seed()
        nn.init.normal_(self.net.weight)


class Noisy(Good):
    def update(self, batch, progress):
        batch.input.add_(torch.randn_like(batch.input))
        return super().update(batch, progress)


class Misnamed(Good):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.networks = {"net": self.net}


class Still(Good):
    def update(self, batch, progress):
        return {}


class Cheat(Good):
    def predict(self, batch):
        return (0.9 * batch.target).clone()


class Careless(Good):
    @torch.inference_mode()
    def predict(self, batch):
        return self.net(batch.input.mul_(0.5)).tanh()


class Unmasker(Good):
    @torch.inference_mode()
    def predict(self, batch):
        if batch.mask is not None:
            batch.mask.zero_()
        return self.net(batch.input).tanh()


class Late(Good):
    def update(self, batch, progress):
        if progress.fraction > 0.5:
            batch.input.add_(torch.randn_like(batch.input))
        return super().update(batch, progress)


class Silent(Good):
    def predict(self, batch):
        pass


class Lossless(Good):
    def update(self, batch, progress):
        super().update(batch, progress)


class Formless:
    def __init__(self, config, in_channels, out_channels, device):
        self.networks = {"generator": 3}


class Joint(Good):
    def predict(self, batch):
        return (self.net(batch.input) - self.net(batch.input).mean()).tanh().detach()
"""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Good", []),
        ("Wild", ["predict returns a tensor with gradients", "predict leaves [-1, 1]"]),
        ("Unseeded", ["two methods with the same config and seed"]),
        ("Noisy", ["resumed, it trains differently"]),
        ("Misnamed", ['must be called "generator"; the names are net']),
        ("Cheat", ["predict uses the target"]),
        ("Careless", ["predict changes the batch"]),
        ("Late", ["resumed, it trains differently"]),
        ("Silent", ["predict returns a NoneType, not a tensor"]),
        ("Lossless", ["update returns no losses"]),
        (
            "Formless",
            [
                "networks must be a dict of name -> torch's Module",
                "optimizers must be",
                "no method update",
                "no method predict",
            ],
        ),
        ("Still", ["update returns no losses", "update changes no tensor"]),
        ("Joint", ["depends on the rest of its batch"]),
    ],
)
def test_violations_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, expected: list[str]
) -> None:
    (tmp_path / "outsider.py").write_text(BAD)
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("outsider", None)
    violations = list(contract_violations(f"outsider:{name}", "colorization"))
    assert len(violations) == len(expected), violations
    assert all(part in violation for part, violation in zip(expected, violations, strict=True))


def test_changing_the_mask_is_a_violation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "outsider.py").write_text(BAD)
    monkeypatch.syspath_prepend(tmp_path)
    sys.modules.pop("outsider", None)
    assert list(contract_violations("outsider:Unmasker", "inpainting")) == [
        "predict changes the batch that it is given"
    ]
    assert list(contract_violations("outsider:Good", "inpainting")) == []
