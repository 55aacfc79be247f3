"""Peak memory of calls whose tensors can be added up by hand; a float has 4 bytes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from bench.measure.memory import peak_bytes

CPU = torch.device("cpu")


def three_of_which_one_is_freed() -> None:
    a = torch.empty(1000)  # 4,000
    b = torch.empty(500)  # 6,000: the peak
    del a  # 2,000
    c = torch.empty(750)  # 5,000
    del b, c


def peak_at_the_end() -> None:
    a = torch.empty(1000)
    del a
    b, c = torch.empty(500), torch.empty(750)
    del b, c


def in_place_and_views() -> None:
    a = torch.empty(10, 100)
    a.add_(1).mul_(2).zero_()
    views = [a.view(1000), a.t(), a[3:], a[0, :5].unsqueeze(0), a.detach(), a.expand(7, 10, 100)]
    torch.relu_(views[0])
    torch.add(a, 1, out=a)


def a_freed_argument() -> None:
    torch.empty(1000).clone().add(1)  # at any time two of the three


def eight_in_turn() -> None:
    for _ in range(8):
        torch.empty(1000)


def doubles_and_bytes() -> None:
    kept = [torch.empty(10, dtype=torch.float64), torch.empty(10, dtype=torch.uint8)]
    del kept


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        (three_of_which_one_is_freed, 6000),
        (peak_at_the_end, 5000),
        (in_place_and_views, 4000),
        (a_freed_argument, 8000),
        (eight_in_turn, 4000),
        (doubles_and_bytes, 90),
        (lambda: None, 0),
    ],
)
def test_the_peak_is_the_sum_of_what_is_held(call: Callable[[], None], expected: int) -> None:
    assert peak_bytes(call, [], CPU) == expected
    assert peak_bytes(call, [], CPU) == expected  # nothing is left over from the first time


def test_what_is_alive_counts_once() -> None:
    weights = torch.empty(100)
    alive = [weights, weights[:50], weights.view(10, 10)]
    assert peak_bytes(lambda: None, alive, CPU) == 400
    assert peak_bytes(three_of_which_one_is_freed, alive, CPU) == 6400
    assert peak_bytes(lambda: weights.mul_(2), alive, CPU) == 400


def test_a_result_that_the_caller_keeps_counts() -> None:
    kept: list[Tensor] = []
    assert peak_bytes(lambda: kept.extend(torch.empty(100) for _ in range(3)), [], CPU) == 1200


def test_backward_counts() -> None:
    x = torch.ones(1000, requires_grad=True)

    def call() -> None:
        y = x.exp()
        z = y.exp()
        z.backward(torch.ones(1000))
        x.grad = None

    # x, y, z, the gradient that is handed in, that of y, and, while it is made of that, that of x
    assert peak_bytes(call, [x], CPU) == 6 * 4000


def test_inference_holds_two_layers_at_a_time() -> None:
    layers = torch.nn.Sequential(*(torch.nn.Linear(100, 100, bias=False) for _ in range(5)))
    x = torch.ones(1, 100)
    weights = 5 * 100 * 100 * 4

    def predict() -> None:
        with torch.inference_mode():
            layers(x)

    # the input, which stays alive, and what a layer reads and writes
    assert peak_bytes(predict, [x, *layers.parameters()], CPU) == weights + 3 * 400
