"""ST-LPIPS against the published implementation's own numbers, its order of distortions, and missing weights."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import gaussian_filter
from skimage import data
from torch import Tensor

from bench.measure.metrics import Unavailable, load
from bench.measure.metrics.st_lpips import WEIGHTS_VARIABLE, ShiftTolerantLPIPS, st_lpips_network, weights_path
from bench.profile.scoring import wheel_distance

# stlpips_pytorch 0.0.2's own forward, torch 2.15 on a CPU: with empty modules named IPython (holding `embed`) and
# torchsummary (holding `summary`) put into sys.modules, which its code imports and does not use,
#   stlpips.LPIPS(net="alex", variant="shift_tolerant")(a / 127.5 - 1, b / 127.5 - 1)
# on the pairs (a, b) of `pairs` below, as (1, 3, H, W) fp32
PUBLISHED = {
    "blur": 0.174755,
    "shift": 0.003326,
    "noise": 0.360321,
    "gray": 0.577952,
    "jpeg": 0.020169,
    "other photo": 0.457838,
}


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(WEIGHTS_VARIABLE, raising=False)
    load.cache_clear()


def pairs() -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """uint8 photographs (H, W, 3) and what became of them."""
    astronaut = data.astronaut()[60:188, 160:288]
    coffee = data.coffee()[100:196, 150:310]
    noise = np.random.default_rng(0).normal(0, 20, astronaut.shape)
    gray = coffee @ np.array([0.299, 0.587, 0.114])
    jpeg = io.BytesIO()
    Image.fromarray(coffee).save(jpeg, "JPEG", quality=50)
    return {
        "blur": (astronaut, gaussian_filter(astronaut.astype(float), (1, 1, 0)).round().astype(np.uint8)),
        "shift": (astronaut, data.astronaut()[60:188, 161:289]),
        "noise": (astronaut, (astronaut + noise).clip(0, 255).round().astype(np.uint8)),
        "gray": (coffee, np.repeat(gray[..., None], 3, axis=2).round().astype(np.uint8)),
        "jpeg": (coffee, np.asarray(Image.open(jpeg))),
        "other photo": (astronaut[:33, :47], coffee[:33, :47]),
    }


def rgb(image: np.ndarray) -> Tensor:
    """uint8 (H, W, 3) -> (1, 3, H, W) in [0, 1]."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255


@pytest.mark.parametrize("name", PUBLISHED)
def test_st_lpips_is_the_published_one(name: str) -> None:
    original, distorted = pairs()[name]
    score = load("st_lpips", "cpu")
    assert score(rgb(distorted), rgb(original)).item() == pytest.approx(PUBLISHED[name], abs=1e-4)
    assert score(rgb(original), rgb(distorted)).item() == pytest.approx(PUBLISHED[name], abs=1e-4)  # symmetric


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_loop_that_ours_is_timed_against_is_the_published_one(name: str) -> None:
    pair = (2 * rgb(image) - 1 for image in pairs()[name])
    assert wheel_distance(st_lpips_network(weights_path(), "cpu"), *pair).item() == pytest.approx(
        PUBLISHED[name], abs=2e-6
    )


def test_identical_images_are_at_distance_zero() -> None:
    photo = rgb(data.astronaut()[:32, :32])
    assert load("st_lpips", "cpu")(photo, photo).item() == 0


def test_more_blur_is_further_away() -> None:
    photo = data.astronaut()[60:124, 160:224]
    blurred = [gaussian_filter(photo.astype(float), (s, s, 0)).astype(np.uint8) for s in (0.5, 1, 2, 4)]
    scores = load("st_lpips", "cpu")(torch.cat([rgb(b) for b in blurred]), rgb(photo).expand(4, -1, -1, -1))
    assert scores.tolist() == sorted(scores.tolist())


def test_parameter_count() -> None:
    # the field notes' 2.471M: five biased convolutions and 64 + 192 + 384 + 256 + 256 head weights
    assert sum(p.numel() for p in ShiftTolerantLPIPS().parameters()) == 2_469_696 + 1_152


def test_the_wheel_is_not_imported() -> None:
    load("st_lpips", "cpu")
    assert "stlpips_pytorch" not in sys.modules


def test_the_environment_variable_names_the_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = tmp_path / "weights.pth"
    elsewhere.write_bytes(weights_path().read_bytes())
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(elsewhere))
    assert weights_path() == elsewhere
    photo = rgb(data.astronaut()[:32, :32])
    assert load("st_lpips", "cpu")(photo, photo).item() == 0


def test_a_missing_file_is_unavailable_and_asked_for_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(tmp_path / "none.pth"))
    with pytest.raises(Unavailable, match=r"none\.pth is not a file"):
        load("st_lpips", "cpu")
    monkeypatch.delenv(WEIGHTS_VARIABLE)
    load("st_lpips", "cpu")


def test_a_missing_wheel_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(Unavailable, match="stlpips_pytorch is not installed"):
        weights_path()


@pytest.mark.parametrize("content", [b"", b"not a zip", {"conv.weight": torch.zeros(1)}, [1, 2]])
def test_a_file_of_something_else_is_unavailable(
    content: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights.pth"
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        torch.save(content, path)
    monkeypatch.setenv(WEIGHTS_VARIABLE, str(path))
    with pytest.raises(Unavailable, match=r"weights\.pth cannot be read"):
        load("st_lpips", "cpu")
