"""Zhang et al. 2016: published counts, the loss and the annealed mean by hand, learning, the authors' names."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from baselines.ab_bins import bin_centres, colour_prior, rebalance, smooth, soft_encode
from baselines.zhang2016 import Colorizer, Zhang2016, from_published, rebalanced_cross_entropy
from bench.config import RunConfig
from bench.data.tasks import Batch
from bench.errors import InputError
from bench.measure.cost import count_cost
from bench.training.method import Progress

CPU = torch.device("cpu")
CENTRES = bin_centres()


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunConfig:
    """A run on two noisy photographs."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    for i, name in enumerate(["train", "val"]):
        path = tmp_path / "photographs" / name / "noise.png"
        path.parent.mkdir(parents=True)
        Image.fromarray(np.random.default_rng(i).integers(0, 256, (64, 64, 3), np.uint8)).save(path)
    data = {"name": "folder", "path": str(tmp_path / "photographs"), "image_size": 64, "scales": [1.0]}
    return RunConfig.model_validate({"data": data})


def batch(size: int = 64, images: int = 2) -> Batch:
    """Two flat colours that L tells apart."""
    x = torch.linspace(-0.5, 0.5, images).view(-1, 1, 1, 1).expand(-1, 1, size, size)
    return Batch(x.clone(), torch.cat([x, -x / 2], dim=1))


def published_names() -> dict[str, Tensor]:
    """A state dict as the release has it: convolutions at 0, 2, 4 of a block, its norm last."""
    blocks = [[1, 64, 64], [64, 128, 128], [128, *[256] * 3], [256, *[512] * 3], *[[512] * 4] * 3, [256] * 3]
    made, noise = {}, torch.Generator().manual_seed(0)
    for i, widths in enumerate(blocks, start=1):
        first = 2 if i == 8 else 0
        for j, (c_in, c_out) in enumerate(pairwise(widths)):
            made[f"model{i}.{first + 2 * j}.weight"] = torch.empty(c_out, c_in, 3, 3)
            made[f"model{i}.{first + 2 * j}.bias"] = torch.empty(c_out)
        if i < 8:
            norm = f"model{i}.{2 * (len(widths) - 1)}"
            made |= {f"{norm}.{k}": torch.empty(widths[-1]) for k in ("weight", "bias", "running_mean", "running_var")}
    made |= {"model8.0.weight": torch.empty(512, 256, 4, 4), "model8.0.bias": torch.empty(256)}
    made |= {"model8.6.weight": torch.empty(313, 256, 1, 1), "model8.6.bias": torch.empty(313)}
    made["model_out.weight"] = torch.empty(2, 313, 1, 1)
    return {name: tensor.uniform_(0.5, 1, generator=noise) for name, tensor in made.items()}


def test_the_published_count_of_parameters_and_operations(config: RunConfig) -> None:
    cost = count_cost(Zhang2016(config, 1, 2, CPU), batch(256, images=1))
    assert (cost.parameters_generator, cost.parameters_total) == (32_236_011, 32_236_011)
    assert cost.flops == pytest.approx(83.6045e9, rel=1e-3)  # as OpenVINO's model zoo counts it


def test_the_bare_network_needs_no_data_and_no_memory() -> None:
    with torch.device("meta"):
        network = Colorizer()
        assert network(torch.empty(2, 1, 128, 128)).shape == (2, 2, 128, 128)
    assert sum(p.numel() for p in network.parameters()) == 32_236_011


@pytest.mark.parametrize(("size", "images"), [(64, 2), (128, 1), (256, 1)])
def test_it_fits_any_size(config: RunConfig, size: int, images: int) -> None:
    output = Zhang2016(config, 1, 2, CPU).predict(batch(size, images))
    assert output.shape == (images, 2, size, size)
    assert output.abs().max() <= 1


def test_a_size_that_does_not_halve_is_refused(config: RunConfig) -> None:
    odd = config.model_copy(update={"data": config.data.model_copy(update={"image_size": 36})})
    with pytest.raises(InputError, match="a multiple of 8"):
        Zhang2016(odd, 1, 2, CPU)


def test_the_annealed_mean_goes_from_the_mean_to_the_mode() -> None:
    network = Colorizer()
    logits = torch.full((1, 313, 1, 1), -1e4)
    logits[0, [10, 200], 0, 0] = torch.tensor([math.log(3), 0.0])  # 3 to 1
    mean = network.annealed_mean(logits, temperature=1)
    torch.testing.assert_close(mean.flatten() * 110, 0.75 * CENTRES[10] + 0.25 * CENTRES[200])
    mode = network.annealed_mean(logits, temperature=1e-3)
    torch.testing.assert_close(mode.flatten() * 110, CENTRES[10])
    share = 3 ** (1 / 0.38) / (3 ** (1 / 0.38) + 1)
    between = network.annealed_mean(logits)
    torch.testing.assert_close(between.flatten() * 110, share * CENTRES[10] + (1 - share) * CENTRES[200])


def test_the_loss_by_hand() -> None:
    ab = torch.tensor([[30.0, 40], [0, 5]]).view(2, 2, 1, 1).expand(2, 2, 3, 3)  # the second is gray: counts as 0
    weights = torch.ones(313)
    weights[(torch.tensor([30.0, 40]) == CENTRES).all(dim=1)] = 4
    unsure = rebalanced_cross_entropy(torch.zeros(2, 313, 3, 3), ab, CENTRES, weights)
    assert unsure.item() == pytest.approx(9 * 4 * math.log(313) / 2)  # the sum over 9 pixels, by 2 images
    index, share = soft_encode(ab, CENTRES)
    right = torch.full((2, 313, 3, 3), -1e4).scatter(1, index, share.log())
    entropy = -(share[0, :, 0, 0] * share[0, :, 0, 0].log()).sum().item()
    loss = rebalanced_cross_entropy(right, ab, CENTRES, weights)
    assert loss.item() == pytest.approx(9 * 4 * entropy / 2, rel=1e-5)


def test_the_gradient_is_that_of_the_authors_layers() -> None:
    """Softmax minus code, by the batch (SoftmaxCrossEntropyLoss), times the nearest weight (ClassRebalanceMult)."""
    noise = np.random.default_rng(0)
    logits, ab = noise.normal(size=(2, 313, 3, 4)), noise.uniform(-80, 80, size=(2, 2, 3, 4))
    weights, centres = noise.uniform(0.5, 10, 313), CENTRES.double().numpy()
    wanted, loss = np.zeros_like(logits), 0.0
    for image, row, column in np.ndindex(2, 3, 4):
        squared = ((ab[image, :, row, column] - centres) ** 2).sum(axis=1)
        near = np.argsort(squared)[:5]
        code = np.zeros(313)
        code[near] = np.exp(-squared[near] / 50) / np.exp(-squared[near] / 50).sum()
        softmax = np.exp(logits[image, :, row, column]) / np.exp(logits[image, :, row, column]).sum()
        loss += weights[near[0]] * -(code * np.log(softmax)).sum() / 2
        wanted[image, :, row, column] = weights[near[0]] * (softmax - code) / 2
    ours = torch.tensor(logits, requires_grad=True)
    found = rebalanced_cross_entropy(ours, torch.tensor(ab), CENTRES, torch.tensor(weights))
    found.backward()
    assert found.item() == pytest.approx(loss, rel=1e-5)
    np.testing.assert_allclose(ours.grad, wanted, rtol=0, atol=1e-5)


def test_what_learns_and_how(config: RunConfig) -> None:
    method = Zhang2016(config, 1, 2, CPU)
    prior = smooth(colour_prior(config.data), CENTRES)
    torch.testing.assert_close(method.weights.double(), rebalance(prior), rtol=1e-6, atol=0)
    groups = method.optimizer.param_groups
    assert sum(p.numel() for g in groups for p in g["params"]) == 32_236_011 - 626  # all but the bins' centres
    assert [(g["weight_decay"], g["betas"]) for g in groups] == [(1e-3, (0.9, 0.99)), (0.0, (0.9, 0.99))]
    rates = []
    for step, fraction in enumerate((0, 0.44, 0.45, 0.83, 0.84)):
        method.update(batch(8), Progress(step, fraction))
        rates.append(groups[0]["lr"])
    assert rates == [3e-5, 3e-5, 1e-5, 1e-5, 3e-6]
    torch.testing.assert_close(method.network.centres.weight.flatten(1).T * 110, CENTRES)


def test_the_authors_weights_fit_and_mean_the_same() -> None:
    theirs = published_names()
    network = Colorizer().eval()
    network.load_state_dict(from_published(theirs))
    assert torch.equal(network.conv5[4].weight, theirs["model5.4.weight"])
    assert torch.equal(network.conv8[4].bias, theirs["model8.4.bias"])
    features = torch.rand(1, 256, 2, 2)
    logits = torch.nn.functional.conv2d(features, theirs["model8.6.weight"], theirs["model8.6.bias"])
    released = torch.nn.functional.conv2d(logits.softmax(dim=1), theirs["model_out.weight"])  # no temperature
    torch.testing.assert_close(network.annealed_mean(network.to_bins(features)), released)
    with pytest.raises(KeyError, match=r"model9\.0\.weight"):
        from_published({"model9.0.weight": torch.empty(1)})
