"""The metrics against numbers worked out by hand, by scikit-image and by NumPy, and what happens without weights."""

from __future__ import annotations

import math
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data
from skimage.metrics import structural_similarity
from torch import Tensor
from torchvision.models import AlexNet

from bench.measure.metrics import METRICS, Unavailable, ieee_convolutions, load

TRUNK = "alexnet-owt-7be5be79.pth"


def rgb(image: np.ndarray) -> Tensor:
    """uint8 (H, W, 3) -> (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(np.ascontiguousarray(image)).permute(2, 0, 1)[None] / 255


@pytest.fixture(scope="module")
def photo() -> Tensor:
    return rgb(data.astronaut()[60:156, 160:288])  # (1, 3, 96, 128)


@pytest.fixture(scope="module")
def noisy(photo: Tensor) -> Tensor:
    noise = torch.randn(photo.shape, generator=torch.Generator().manual_seed(0))
    return (photo + 0.05 * noise).clamp(0, 1)


# registry


@pytest.mark.parametrize("name", METRICS)
def test_metric_says_what_it_is_and_its_target_exists(name: str) -> None:
    metric = METRICS[name]
    assert metric.name == name
    assert metric.title
    assert metric.source
    assert metric.unit == ("dB" if name == "psnr" else "")
    assert metric.direction in ("higher", "lower", "neutral")
    assert metric.version >= 1
    module, function = metric.target.split(":")
    assert callable(getattr(__import__(module, fromlist=[function]), function))


def test_importing_the_registry_does_not_import_torch() -> None:
    code = "import sys, bench.measure.metrics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_score_is_loaded_once() -> None:
    assert load("psnr", "cpu") is load("psnr", "cpu")


def test_an_unknown_metric_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        load("psrn", "cpu")


@pytest.mark.parametrize("name", ["psnr", "ssim", "st_lpips", "colorfulness"])
def test_a_batch_scores_as_its_images_do(name: str, photo: Tensor, noisy: Tensor) -> None:
    score = load(name, "cpu")
    predictions = torch.cat([noisy, photo.flip(3), photo.flip(2), noisy.flip(2), photo.roll(1, 3)] * 2)
    targets = photo.expand_as(predictions)
    together = score(predictions, targets)
    assert together.shape == (10,)
    assert together.dtype == torch.float32
    singles = torch.cat([score(p[None], t[None]) for p, t in zip(predictions, targets, strict=True)])
    torch.testing.assert_close(together, singles, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["psnr", "ssim", "st_lpips", "colorfulness"])
def test_scores_are_fp32_under_autocast_and_without_gradients(name: str, photo: Tensor, noisy: Tensor) -> None:
    score = load(name, "cpu")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = score(noisy.clone().requires_grad_(), photo)
    assert not inside.requires_grad
    assert torch.equal(inside, score(noisy, photo))


def test_tf32_is_off_while_scoring_and_then_as_it_was() -> None:
    conv = torch.backends.cudnn.conv
    before = conv.fp32_precision
    with ieee_convolutions():
        assert conv.fp32_precision == "ieee"
    assert conv.fp32_precision == before


@pytest.mark.parametrize("name", ["ssim", "lpips", "st_lpips"])
def test_the_smallest_side_is_the_smallest_that_works(name: str, random_trunk: Path) -> None:
    score, side = load(name, "cpu"), METRICS[name].min_side
    images = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    assert score(images, images.flip(0)).isfinite().all()
    with pytest.raises(Unavailable, match=f"at least {side}x{side} pixels, got {side}x{side - 1}"):
        score(images[..., 1:], images[..., 1:])


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 1, 32, 32), (0, 3, 32, 32)])
def test_what_is_not_a_batch_of_rgb_images_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="PSNR compares two"):
        load("psnr", "cpu")(torch.zeros(shape), torch.zeros(shape))


@pytest.mark.parametrize("shape", [(2, 3, 32, 32), (1, 3, 32, 33)])
def test_shapes_that_would_broadcast_or_differ_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="of one shape"):
        load("psnr", "cpu")(torch.zeros(shape), torch.zeros(1, 3, 32, 32))


# PSNR and SSIM


def test_psnr_of_a_constant_offset() -> None:
    target = torch.full((3, 3, 8, 8), 0.5)
    offsets = torch.tensor([0.1, 0.01, 0.5]).view(3, 1, 1, 1)
    # 10 log10(1 / offset^2), image by image; pooling the errors would give one number, 10.6
    expected = torch.tensor([20.0, 40.0, 20 * math.log10(2)])
    torch.testing.assert_close(load("psnr", "cpu")(target + offsets, target), expected, rtol=0, atol=1e-4)


def test_psnr_of_identical_images_is_infinite(photo: Tensor) -> None:
    assert load("psnr", "cpu")(photo, photo).tolist() == [math.inf]


def scikit_image_ssim(a: Tensor, b: Tensor) -> float:
    first, second = (x[0].permute(1, 2, 0).double().numpy() for x in (a, b))
    settings = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return float(structural_similarity(first, second, data_range=1.0, channel_axis=2, **settings))


def test_ssim_is_that_of_scikit_image_but_for_the_border(photo: Tensor, noisy: Tensor) -> None:
    ours = load("ssim", "cpu")(noisy, photo).item()
    # scikit-image leaves the outer 5 pixels out of its mean, a sixth of this small crop: 0.7206 against our 0.7083
    assert scikit_image_ssim(noisy, photo) - ours == pytest.approx(0.0123, abs=2e-4)
    # and reflecting 5 pixels first, which it then leaves out, is our convention exactly
    reflected = (torch.nn.functional.pad(image, (5, 5, 5, 5), mode="reflect") for image in (noisy, photo))
    assert ours == pytest.approx(scikit_image_ssim(*reflected), abs=1e-5)


def test_ssim_of_identical_images_is_one(photo: Tensor) -> None:
    assert load("ssim", "cpu")(photo, photo).item() == pytest.approx(1, abs=1e-6)


# colorfulness


def test_colorfulness_by_hand() -> None:
    gray = torch.full((3, 4, 4), 0.3)
    red_and_blue = torch.zeros(3, 4, 4)
    red_and_blue[0, :, :2] = 1  # rg 255, yb 127.5
    red_and_blue[2, :, 2:] = 1  # rg 0, yb -255
    # means 127.5 and -63.75, deviations 127.5 and 191.25, in units of 63.75: (2, -1) and (2, 3)
    expected = 63.75 * (math.sqrt(4 + 9) + 0.3 * math.sqrt(4 + 1))
    scores = load("colorfulness", "cpu")(torch.stack([gray, red_and_blue]), torch.zeros(2, 3, 4, 4))
    torch.testing.assert_close(scores, torch.tensor([0.0, expected]), rtol=1e-6, atol=1e-4)


def test_colorfulness_is_that_of_numpy_and_ignores_the_target(photo: Tensor, noisy: Tensor) -> None:
    red, green, blue = (255 * noisy[0].double().numpy()).reshape(3, -1)
    rg, yb = red - green, 0.5 * (red + green) - blue
    expected = np.hypot(rg.std(), yb.std()) + 0.3 * np.hypot(rg.mean(), yb.mean())
    score = load("colorfulness", "cpu")
    assert score(noisy, photo).item() == pytest.approx(expected, rel=1e-5)
    assert torch.equal(score(noisy, photo), score(noisy, noisy))


# LPIPS: the real weights are 233 MB, so the real loading code runs on a random trunk, and without a network


@pytest.fixture(scope="module")
def random_trunk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An AlexNet file that has the right name, layout and dtype, and random weights."""
    path = tmp_path_factory.mktemp("hub") / "checkpoints" / TRUNK
    path.parent.mkdir()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        torch.save(AlexNet().state_dict(), path)
    return path


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch, random_trunk: Path) -> None:
    """torch.hub looks at the random trunk, nothing is loaded yet, and the network is a proxy that is not there."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(random_trunk.parent.parent))
    for name in ("https_proxy", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    load.cache_clear()


def test_lpips_is_zero_only_for_identical_images(
    photo: Tensor, noisy: Tensor, capfd: pytest.CaptureFixture[str]
) -> None:
    scores = load("lpips", "cpu")(torch.cat([photo, noisy]), torch.cat([photo, photo]))
    assert scores.shape == (2,)
    assert scores[0] == 0
    assert scores[1] > 0
    assert capfd.readouterr() == ("", "")


def test_lpips_takes_images_in_0_1(photo: Tensor, noisy: Tensor) -> None:
    from lpips import LPIPS

    with pytest.warns(UserWarning, match="pretrained|weight enum"):
        theirs = LPIPS(net="alex", verbose=False)(noisy, photo, normalize=True)  # normalize: from [0, 1] to [-1, 1]
    assert load("lpips", "cpu")(noisy, photo).item() == pytest.approx(theirs.item(), abs=1e-6)


def test_lpips_without_weights_or_network_is_unavailable_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    with pytest.raises(Unavailable, match=f"not downloadable.*put {TRUNK} into {tmp_path}/checkpoints") as first:
        load("lpips", "cpu")
    assert socket.getdefaulttimeout() is None
    assert list((tmp_path / "checkpoints").iterdir()) == []

    # the network is not asked again: another proxy would be another error
    monkeypatch.setenv("https_proxy", "nonsense://nowhere")
    with pytest.raises(Unavailable) as second:
        load("lpips", "cpu")
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
