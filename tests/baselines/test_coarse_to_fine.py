"""What both methods of Yu et al. promise, and the layers that they share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from skimage import data
from torch import Tensor

from baselines.coarse_to_fine import COARSE, Layer, Row, SameConv2d, TwoStage
from baselines.yu2018 import Yu2018
from baselines.yu2019 import Yu2019
from bench.config import RunConfig
from bench.data.tasks import Batch, build_task
from bench.errors import InputError
from bench.measure.cost import count_cost
from bench.training.checkpoint import load_checkpoint, save_checkpoint
from bench.training.method import Progress

Either = type[Yu2018] | type[Yu2019]
CPU = torch.device("cpu")
both = pytest.mark.parametrize("kind", [Yu2018, Yu2019])


def config(size: int = 64, seed: int = 0, **fields: Any) -> RunConfig:
    known = {"data": {"image_size": size}, "tiling": {"grid": 1}, "seed": seed, "task": "inpainting"}
    return RunConfig.model_validate({**known, **fields})


def photograph(config: RunConfig, images: int = 2) -> Batch:
    """Crops of the astronaut, each with a hole of its own."""
    size = config.data.image_size
    pixels = torch.from_numpy(data.astronaut()[:256, 130:386].copy()).permute(2, 0, 1)[None].float() / 255
    rgb = F.interpolate(pixels, (size, size), mode="area")
    return build_task(config.task).batch(torch.cat([rgb, rgb.flip(3)][:images]), [[1], [2]][:images])


def values(method: Yu2018 | Yu2019) -> dict[str, Tensor]:
    found = {f"{n}/{k}": v for n, net in method.networks.items() for k, v in net.state_dict().items()}
    for name, optimizer in method.optimizers.items():
        for i, moments in optimizer.state_dict()["state"].items():
            found |= {f"{name}/{i}/{key}": value for key, value in moments.items()}
    return {name: value.clone() for name, value in found.items()}


@both
@pytest.mark.parametrize("size", [64, 128, 256])
def test_it_predicts_at_every_size(kind: Either, size: int) -> None:
    method, batch = kind(config(size), 3, 3, CPU), photograph(config(size), images=1)
    assert batch.mask is not None
    output = method.predict(batch)
    assert (output.shape, output.dtype, output.requires_grad) == ((1, 3, size, size), torch.float32, False)
    assert output.abs().max() <= 1
    hole = batch.mask.expand_as(output) > 0
    assert torch.equal(output[~hole], batch.input[~hole])
    assert not torch.equal(output[hole], batch.input[hole])


@both
def test_a_prediction_depends_on_nothing_else(kind: Either) -> None:
    method, batch = kind(config(), 4, 3, CPU), photograph(config(task={"name": "inpainting", "mask_known": True}))
    assert batch.mask is not None
    before = values(method)
    output = method.predict(batch)
    assert torch.equal(method.predict(batch), output)
    hole = batch.mask.expand_as(output) > 0
    leaked = torch.where(hole, 0.5, batch.input[:, :3])  # the hole's content and the fourth channel have no say
    assert torch.equal(method.predict(Batch(leaked, batch.target, batch.mask)), torch.where(hole, output, leaked))
    alone = method.predict(Batch(batch.input[1:], batch.target[1:], batch.mask[1:]))
    torch.testing.assert_close(alone, output[1:], rtol=0, atol=1e-5)
    after = values(method)
    assert all(torch.equal(after[name], value) for name, value in before.items())


@both
def test_it_is_counted(kind: Either) -> None:
    method = kind(config(), 3, 3, CPU)
    cost = count_cost(method, photograph(config(), images=1))
    networks = [sum(p.numel() for p in network.parameters()) for network in method.networks.values()]
    assert (cost.parameters_generator, cost.parameters_total) == (networks[0], sum(networks))
    first = 5 * method.generator.coarse.conv1.conv.out_channels * 5 * 5 * 64 * 64  # MACs of the first layer
    assert 10 * first < cost.macs < 100 * first


@both
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_checkpoint_brings_it_back_bit_by_bit(kind: Either, precision: str, tmp_path: Path) -> None:
    train = {"precision": precision}
    one, other = (kind(config(seed=seed, train=train), 3, 3, CPU) for seed in (0, 1))
    other.config = one.config
    batch = photograph(config(), images=1)
    assert all(loss.isfinite() and not loss.requires_grad for loss in one.update(batch, Progress(0, 0)).values())
    save_checkpoint(tmp_path / "checkpoint", one, {})
    load_checkpoint(tmp_path / "checkpoint", other)
    ours = one.update(batch, Progress(1, 0.5))
    torch.manual_seed(5)  # hidden state has no say
    theirs = other.update(batch, Progress(1, 0.5))
    assert ours == theirs
    expected, found = values(one), values(other)
    assert expected.keys() == found.keys()
    assert all(torch.equal(found[name], value) for name, value in expected.items())


@both
def test_what_it_cannot_do_is_refused(kind: Either) -> None:
    with pytest.raises(InputError, match="needs a multiple of 8"):
        kind(config(60, generator={"depth": 1}), 3, 3, CPU)
    batch = photograph(config())
    with pytest.raises(ValueError, match="no holes to fill"):
        kind(config(), 3, 3, CPU).predict(Batch(batch.input, batch.target))


@both
def test_first_weights_follow_the_seed(kind: Either) -> None:
    one, same, other = (values(kind(config(seed=seed), 3, 3, CPU)) for seed in (3, 3, 4))
    assert all(torch.equal(same[name], value) for name, value in one.items())
    assert any(not torch.equal(other[name], value) for name, value in one.items())


def test_padding_is_tensorflows() -> None:
    """Of four pixels a stride of 2 centres the kernel on the second and fourth: all of the padding is at the end."""
    layer = SameConv2d(1, 1, 3, stride=2, bias=False)
    layer.weight.data = torch.tensor([[0.0, 0, 0], [1, 10, 100], [0, 0, 0]]).view(1, 1, 3, 3)
    x = torch.tensor([[0.0, 0, 0, 0], [1, 2, 3, 4], [0, 0, 0, 0], [5, 6, 7, 8]]).view(1, 1, 4, 4)
    assert layer(x)[0, 0].tolist() == [[321, 43], [765, 87]]
    five = SameConv2d(1, 1, 5, stride=2, bias=False)  # one before and two behind
    five.weight.data = torch.zeros(1, 1, 5, 5)
    five.weight.data[..., 1, :] = torch.tensor([1.0, 10, 100, 1000, 10000])
    assert five(x[:, :, 1:2].expand(1, 1, 4, 4))[0, 0, 0].tolist() == [43210, 432]
    wide = SameConv2d(1, 1, 3, dilation=16, bias=False)
    assert torch.equal(wide(x), F.conv2d(x, wide.weight, padding=16, dilation=16))


def test_a_gated_layer_by_hand() -> None:
    layer = Layer(1, 4, Row("x", 1, kernel=1), gated=True)
    layer.conv.weight.data = torch.tensor([1.0, -1, 0, 1]).view(4, 1, 1, 1)  # two features, then their two gates
    layer.conv.bias.data = torch.tensor([0.0, 0, 0, 1])
    one, other = layer(torch.full((1, 1, 1, 1), 2.0)).flatten().tolist()
    assert one == pytest.approx(2 * 0.5)
    assert other == pytest.approx((2.718281828**-2 - 1) / (1 + 2.718281828**-3), rel=1e-5)  # elu(-2) sigmoid(3)
    assert layer.features == 2


def test_an_upsampling_layer_repeats_pixels_first() -> None:
    layer = Layer(1, 1, Row("x", 1, kernel=1, up=True, relu=True), gated=False)
    layer.conv.weight.data, layer.conv.bias.data = torch.ones(1, 1, 1, 1), torch.zeros(1)
    assert layer(torch.tensor([[[[1.0, -2]]]])).tolist() == [[[[1, 1, 0, 0], [1, 1, 0, 0]]]]


def test_networks_need_no_data() -> None:
    with torch.device("meta"):
        network = TwoStage(32, gated=False, sees_mask=True, squash=torch.tanh)
    assert [name for name, _ in network.coarse.named_children()] == [row.name for row in COARSE] + ["conv17"]
    assert all(p.is_meta for p in network.parameters())
