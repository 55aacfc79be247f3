"""The ab bins and their prior, against colours that are counted by hand and another library's neighbours."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.spatial import KDTree
from skimage.color import rgb2lab
from torch import Tensor

from baselines.ab_bins import NEIGHBOURS, bin_centres, colour_prior, rebalance, smooth, soft_encode
from bench.config import DataConfig

E2 = math.exp(-2)  # of a neighbour at 10 ab units


def encode(*ab: float) -> dict[tuple[float, ...], float]:
    """Centre -> share, of one colour."""
    index, share = soft_encode(torch.tensor(ab).view(1, 2, 1, 1), bin_centres())
    assert index.shape == share.shape == (1, NEIGHBOURS, 1, 1)
    return {tuple(bin_centres()[i].tolist()): s.item() for i, s in zip(index.flatten(), share.flatten(), strict=True)}


def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, **images: np.ndarray) -> DataConfig:
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    for name, pixels in (images | {"val": np.zeros((64, 64, 3), np.uint8)}).items():
        path = tmp_path / "photographs" / ("val" if name == "val" else "train") / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    return DataConfig(name="folder", path=str(tmp_path / "photographs"), image_size=8, scales=(1.0,))


def nearest(pixels: np.ndarray) -> Tensor:
    """The bin of each pixel of an image, by scikit-image and SciPy."""
    return torch.from_numpy(KDTree(bin_centres().numpy()).query(rgb2lab(pixels)[..., 1:].reshape(-1, 2))[1])


def test_there_are_313_bins_and_they_hold_all_of_srgb() -> None:
    bins = [tuple(c) for c in bin_centres().int().tolist()]
    assert (len(bins), bins, len(set(bins))) == (313, sorted(bins), 313)
    assert (bins[0], bins[-1]) == ((-90, 50), (100, 0))
    levels = np.linspace(0, 1, 33)
    ab = rgb2lab(np.stack(np.meshgrid(levels, levels, levels), axis=-1))[..., 1:].reshape(-1, 2)
    found = {tuple(c) for c in (10 * (ab / 10).round()).astype(int).tolist()}
    assert found <= set(bins)


def test_a_centre_shares_with_its_four_neighbours() -> None:
    total = 1 + 4 * E2
    shares = encode(0, 0)
    assert shares == pytest.approx(
        {(0, 0): 1 / total} | dict.fromkeys([(10, 0), (-10, 0), (0, 10), (0, -10)], E2 / total)
    )


def test_a_corner_shares_with_what_there_is() -> None:
    total = 1 + 2 * E2 + 2 * E2**2
    expected = {(-90, 50): 1, (-90, 60): E2, (-80, 50): E2, (-80, 60): E2**2, (-80, 40): E2**2}
    assert encode(-90, 50) == pytest.approx({c: s / total for c, s in expected.items()})


def test_neighbours_are_scipys() -> None:
    ab = (torch.rand((2, 2, 3, 5), generator=torch.Generator().manual_seed(0)) - 0.5) * 180
    index, share = soft_encode(ab, bin_centres())
    distances, neighbours = KDTree(bin_centres().numpy()).query(ab.permute(0, 2, 3, 1).numpy(), k=5)
    assert torch.equal(index.permute(0, 2, 3, 1), torch.from_numpy(neighbours))
    expected = np.exp(-(distances**2) / 50)
    np.testing.assert_allclose(share.permute(0, 2, 3, 1), expected / expected.sum(-1, keepdims=True), atol=1e-5)
    torch.testing.assert_close(share.sum(dim=1), torch.ones(2, 3, 5))


def test_the_prior_counts_each_photograph_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    red, green, blue = (np.full((8, 8, 3), rgb, np.uint8) for rgb in [(180, 20, 30), (20, 160, 70), (10, 60, 200)])
    prior = colour_prior(folder(tmp_path, monkeypatch, wide=np.concatenate([red, green], axis=1), small=blue))
    expected = torch.zeros(313, dtype=torch.float64)
    for pixels, weight in ((red, 0.25), (green, 0.25), (blue, 0.5)):
        expected[nearest(pixels[:1, :1])] += weight
    torch.testing.assert_close(prior, expected, rtol=0, atol=0)


def test_counting_cells_is_counting_pixels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), np.uint8)
    prior = colour_prior(folder(tmp_path, monkeypatch, noise=noise).model_copy(update={"image_size": 64}))
    expected = torch.bincount(nearest(noise), minlength=313) / noise[..., 0].size
    torch.testing.assert_close(prior, expected.double(), rtol=0, atol=2 / 4096)  # two pixels on a border, if any
    assert prior.sum().item() == pytest.approx(1, abs=1e-12)


def test_smoothing_spreads_and_keeps_the_sum() -> None:
    line = torch.tensor([[0.0, 0], [10, 0], [20, 0]])
    ends, middle = 1 + E2 + E2**4, 1 + 2 * E2
    expected = torch.tensor([0.5 / ends + 0.5 * E2 / middle, 0.5 * E2 / ends + 0.5 / middle, 0.0], dtype=torch.float64)
    expected[2] = 1 - expected.sum()
    torch.testing.assert_close(smooth(torch.tensor([0.5, 0.5, 0]).double(), line), expected, rtol=1e-6, atol=0)


def test_rare_colours_weigh_more_and_the_expectation_is_1() -> None:
    weights = rebalance(torch.tensor([0.5, 0.5, 0, 0]))  # 1 / 0.375 twice, 1 / 0.125 twice
    torch.testing.assert_close(weights, torch.tensor([1.0, 1, 3, 3]))
    prior = torch.rand(313, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    prior /= prior.sum()
    assert (rebalance(prior) * prior).sum().item() == pytest.approx(1)
