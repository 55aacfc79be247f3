"""LPIPS against the authors' package, distances of regions, networks read once, and the reason without weights.

The real loading code runs on a trunk of random weights, and without a network.
"""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
import torch
from torch import Tensor

from bench.measure.metrics import Unavailable, load
from bench.measure.metrics.perceptual import lpips_network
from bench.measure.metrics.st_lpips import st_lpips_network

TRUNK = "alexnet-owt-7be5be79.pth"

pytestmark = pytest.mark.usefixtures("hub")


def test_lpips_is_zero_only_for_identical_images(
    photo: Tensor, noisy: Tensor, capfd: pytest.CaptureFixture[str]
) -> None:
    lpips_network.cache_clear()
    scores = load("lpips", "cpu")(torch.cat([photo, noisy]), torch.cat([photo, photo]))
    assert scores.shape == (2,)
    assert scores[0] == 0
    assert scores[1] > 0
    assert capfd.readouterr() == ("", "")


def test_lpips_is_the_authors_to_1e_6(photo: Tensor, noisy: Tensor) -> None:
    from lpips import LPIPS

    dark, flat = 0.02 * photo, torch.full_like(photo, 0.5)
    predictions, targets = torch.cat([noisy, dark, flat, noisy]), torch.cat([photo, photo, noisy, dark])
    with pytest.warns(UserWarning, match="pretrained|weight enum"):
        authors = LPIPS(net="alex", verbose=False)
    expected = authors(predictions, targets, normalize=True).flatten()  # normalize: from [0, 1] to [-1, 1]
    torch.testing.assert_close(load("lpips", "cpu")(predictions, targets), expected, rtol=0, atol=1e-6)


# regions


@pytest.mark.parametrize("name", ["lpips", "st_lpips"])
def test_a_region_is_scored_in_the_targets_surroundings(name: str, photo: Tensor, noisy: Tensor, hole: Tensor) -> None:
    pasted = photo.clone()
    pasted[..., 20:60, 30:80] = noisy[..., 20:60, 30:80]
    around = noisy.clone()
    around[..., 20:60, 30:80] = photo[..., 20:60, 30:80]
    whole = load(name, "cpu")
    in_hole, outside = load(f"{name}_hole", "cpu"), load(f"{name}_outside", "cpu")
    assert in_hole(noisy, photo, hole).item() == pytest.approx(whole(pasted, photo).item(), rel=1e-5)
    assert outside(noisy, photo, hole).item() == pytest.approx(whole(around, photo).item(), rel=1e-5)
    assert outside(pasted, photo, hole).item() == 0
    assert in_hole(noisy, photo, torch.ones_like(hole)).item() == pytest.approx(whole(noisy, photo).item(), rel=1e-5)


@pytest.mark.parametrize(("name", "network"), [("lpips", lpips_network), ("st_lpips", st_lpips_network)])
def test_the_network_is_read_once_for_the_whole_and_its_regions(name: str, network: object) -> None:
    network.cache_clear()  # type: ignore[attr-defined]
    for region in ("", "_hole", "_outside"):
        load(f"{name}{region}", "cpu")
    assert network.cache_info().misses == 1  # type: ignore[attr-defined]


# weights that are not there


def test_lpips_without_weights_or_network_is_unavailable_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    with pytest.raises(Unavailable, match=f"not downloadable.*put {TRUNK} into {tmp_path}/checkpoints") as first:
        load("lpips", "cpu")
    assert socket.getdefaulttimeout() is None
    assert list((tmp_path / "checkpoints").iterdir()) == []

    # the network is not asked again, for regions neither: another proxy would be another error
    monkeypatch.setenv("https_proxy", "nonsense://nowhere")
    for name in ("lpips", "lpips_hole", "lpips_outside"):
        with pytest.raises(Unavailable) as second:
            load(name, "cpu")
        assert str(second.value) == str(first.value)


def test_lpips_is_available_once_the_file_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, random_trunk: Path, photo: Tensor
) -> None:
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    with pytest.raises(Unavailable):
        load("lpips", "cpu")
    (tmp_path / "checkpoints" / TRUNK).symlink_to(random_trunk)
    assert load("lpips", "cpu")(photo, photo).item() == 0


def test_a_broken_trunk_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    (tmp_path / "checkpoints" / TRUNK).write_bytes(b"<html>log in to the wireless network</html>")
    with pytest.raises(Unavailable, match=f"{TRUNK} cannot be read"):
        load("lpips", "cpu")
