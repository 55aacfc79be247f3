"""The adversarial losses against PyTorch's."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from bench.training.losses import adversarial

SCORES = torch.tensor([-3.0, -0.5, 0.0, 0.25, 7.0])


@pytest.mark.parametrize("real", [True, False])
def test_bce_is_that_of_pytorch(real: bool) -> None:
    expected = F.binary_cross_entropy_with_logits(SCORES, torch.full_like(SCORES, float(real)))
    torch.testing.assert_close(adversarial("bce", SCORES, real), expected)


@pytest.mark.parametrize("real", [True, False])
def test_l2_is_the_mean_square_to_1_or_0(real: bool) -> None:
    torch.testing.assert_close(adversarial("l2", SCORES, real), F.mse_loss(SCORES, torch.full_like(SCORES, real)))


def test_l2_by_hand() -> None:
    scores = torch.tensor([-1.0, 3.0])
    assert adversarial("l2", scores, real=True) == 4  # (2^2 + 2^2) / 2
    assert adversarial("l2", scores, real=False) == 5  # (1^2 + 3^2) / 2


def test_an_undecided_d_costs_log_2() -> None:
    for real in (True, False):
        torch.testing.assert_close(adversarial("bce", torch.zeros(3), real), torch.tensor(2.0).log())


def test_a_d_that_is_sure_overflows_nothing() -> None:
    scores = torch.tensor([1e4])
    assert adversarial("bce", scores, real=False) == 1e4
    assert adversarial("bce", -scores, real=True) == 1e4
    assert adversarial("bce", scores, real=True) == 0


def test_losing_g_has_a_gradient() -> None:
    scores = torch.full((1,), -20.0, requires_grad=True)  # D is sure that it is fake
    adversarial("bce", scores, real=True).backward()
    assert scores.grad is not None
    assert scores.grad.item() == pytest.approx(-1)


@pytest.mark.parametrize("kind", ["bce", "l2"])
def test_the_loss_of_bf16_scores_is_fp32(kind: str) -> None:
    loss = adversarial(kind, SCORES.bfloat16(), real=True)
    assert loss.dtype == torch.float32
    torch.testing.assert_close(loss, adversarial(kind, SCORES, real=True))  # these scores are exact in bf16
