"""Zhang et al. 2017: published counts, classes and loss by hand, the two stages, hints of zero, the authors' names."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from torch import Tensor

from baselines.zhang2017 import Colorizer, Zhang2017, classes, from_published, huber
from bench.config import RunConfig
from bench.data.tasks import Batch
from bench.errors import InputError
from bench.measure.cost import count_cost
from bench.training.method import Progress

CPU = torch.device("cpu")
CONFIG = RunConfig.model_validate({"data": {"image_size": 64}})


def batch(size: int = 64, images: int = 2) -> Batch:
    """Two flat colours that L tells apart."""
    x = torch.linspace(-0.5, 0.5, images).view(-1, 1, 1, 1).expand(-1, 1, size, size)
    return Batch(x.clone(), torch.cat([x, -x / 2], dim=1))


def published_names() -> dict[str, Tensor]:
    """A state dict as the release has it."""
    blocks = [[4, 64, 64], [64, 128, 128], [128, *[256] * 3], [256, *[512] * 3], *[[512] * 4] * 3, [256] * 3, [128] * 2]
    layers = {  # blocks 8 and 9 begin with a ReLU, at 0
        f"model{i}.{2 * j + (i > 7)}": (c_out, c_in, 3, 3)
        for i, widths in enumerate(blocks, start=1)
        for j, (c_in, c_out) in enumerate(pairwise(widths))
    }
    layers |= {"model8up.0": (512, 256, 4, 4), "model9up.0": (256, 128, 4, 4), "model10up.0": (128, 128, 4, 4)}
    layers |= {"model3short8.0": (256, 256, 3, 3), "model2short9.0": (128, 128, 3, 3)}
    layers |= {"model1short10.0": (128, 64, 3, 3), "model10.1": (128, 128, 3, 3)}
    layers |= {"model_class.0": (529, 256, 1, 1), "model_out.0": (2, 128, 1, 1)}
    made = {f"{name}.weight": torch.rand(shape) for name, shape in layers.items()}
    made |= {f"{name}.bias": torch.rand(shape["up" in name]) for name, shape in layers.items()}
    for i, widths in enumerate(blocks, start=1):
        norm = f"model{i}.{2 * (len(widths) - 1) + (i > 7)}"
        made |= {f"{norm}.{k}": torch.rand(widths[-1]) for k in ("weight", "bias", "running_mean", "running_var")}
    return made


def updated(fraction: float, change: Callable[[Colorizer], Tensor] | None = None) -> dict[str, Tensor]:
    """The weights after one step from the same start, but for what is changed in place."""
    method = Zhang2017(CONFIG, 1, 2, CPU)
    if change is not None:
        with torch.no_grad():
            change(method.network).mul_(2)
    method.update(batch(), Progress(0, fraction))
    return dict(method.network.named_parameters())


def test_the_published_count_of_parameters_and_operations() -> None:
    method = Zhang2017(CONFIG, 1, 2, CPU)
    cost = count_cost(method, batch(256, images=1))
    assert (cost.parameters_generator, cost.parameters_total) == (34_187_027, 34_187_027)
    assert sum(p.numel() for p in method.network.classify.parameters()) == 135_953
    assert cost.flops == pytest.approx(150.5441e9, rel=2e-3)  # as OpenVINO's model zoo counts it


def test_the_bare_network_needs_no_memory() -> None:
    with torch.device("meta"):
        assert Colorizer()(torch.empty(2, 1, 128, 128)).shape == (2, 2, 128, 128)


@pytest.mark.parametrize(("size", "images"), [(64, 2), (128, 1), (256, 1)])
def test_it_fits_any_size(size: int, images: int) -> None:
    output = Zhang2017(CONFIG, 1, 2, CPU).predict(batch(size, images))
    assert output.shape == (images, 2, size, size)
    assert output.abs().max() <= 1


def test_a_size_that_does_not_halve_is_refused() -> None:
    with pytest.raises(InputError, match="a multiple of 8"):
        Zhang2017(
            RunConfig.model_validate({"data": {"image_size": 36}, "tiling": {"grid": 1}, "generator": {"depth": 2}}),
            1,
            2,
            CPU,
        )


def test_classes_are_tens_of_ab() -> None:
    ab = torch.tensor([[0.0, 0], [-110, -110], [110, 110], [14, -16]]) / 110
    found = classes(ab.view(4, 2, 1, 1)).flatten().tolist()
    assert found == [11 * 23 + 11, 0, 528, 12 * 23 + 9]


def test_the_huber_loss_by_hand() -> None:
    error = torch.tensor([0.5, -3]).view(1, 2, 1, 1).expand(2, 2, 4, 4) / 110  # in ab units: 0.5^2 / 2 and 3 - 1 / 2
    assert huber(error, torch.zeros(2, 2, 4, 4)).item() == pytest.approx(0.125 + 2.5)


def test_hints_are_zero() -> None:
    method = Zhang2017(CONFIG, 1, 2, CPU)
    hints = method.network.conv1[0].weight[:, 1:]
    before, output = hints.detach().clone(), method.predict(batch())
    method.update(batch(), Progress(0, 0.5))
    assert torch.equal(hints, before)
    method = Zhang2017(CONFIG, 1, 2, CPU)
    with torch.no_grad():
        method.network.conv1[0].weight[:, 1:] = 7
    assert torch.equal(method.predict(batch()), output)


@pytest.mark.slow
def test_the_trunk_learns_by_classes_then_by_huber_alone() -> None:
    first = updated(0), updated(0, lambda network: network.regress.weight)
    later = updated(0.5), updated(0.5, lambda network: network.classify.weight)
    trunk = [name for name in first[0] if name.startswith(tuple(f"conv{i}." for i in range(1, 9)))]
    for name in (*trunk, "classify.weight"):
        assert torch.equal(first[0][name], first[1][name]), name
    for name in later[0]:
        assert torch.equal(later[0][name], later[1][name]) != name.startswith("classify."), name
    assert not torch.equal(first[0]["conv1.0.weight"], later[0]["conv1.0.weight"])


def test_rates_go_by_the_budget() -> None:
    method, rates = Zhang2017(CONFIG, 1, 2, CPU), []
    for step, fraction in enumerate((0, 0.49, 0.5, 0.83, 0.84)):
        method.update(batch(16), Progress(step, fraction))
        rates.append(method.optimizer.param_groups[0]["lr"])
    assert rates == [1e-4, 1e-4, 1e-5, 1e-5, 1e-6]


def test_the_authors_weights_fit() -> None:
    theirs = published_names()
    network = Colorizer()
    network.load_state_dict(from_published(theirs))
    assert torch.equal(network.conv8[2].weight, theirs["model8.3.weight"])
    assert torch.equal(network.conv9[2].running_var, theirs["model9.3.running_var"])
    assert torch.equal(network.regress.bias, theirs["model_out.0.bias"])
