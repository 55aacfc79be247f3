"""The methods without parameters, on images whose answer is known."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data
from skimage.color import rgb2lab
from torch import Tensor

from baselines import METHODS, ONLY_FOR, PARAMETER_FREE
from bench.config import RunConfig
from bench.data.tasks import REGISTRY, Batch, build_task
from bench.training.method import Method, Progress

FILLERS = ["mean_fill", "telea", "navier_stokes", "biharmonic"]
ABLE = [(m, t) for m in sorted(PARAMETER_FREE) for t in REGISTRY if t in ONLY_FOR.get(m, (t,))]
SOLID = {"blue": (10, 60, 200), "red": (180, 20, 30), "green": (20, 160, 70), "white": (255, 255, 255)}


@pytest.fixture(autouse=True)
def photographs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with two training images, one red and green (twice as wide), one blue; and a white one to validate."""
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "cache"))
    made = {"train/a": ["red", "green"], "train/b": ["blue"], "val/c": ["white"]}
    for name, colours in made.items():
        path = tmp_path / "photographs" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.concatenate([np.full((8, 8, 3), SOLID[c], np.uint8) for c in colours], axis=1)).save(path)
    return tmp_path / "photographs"


@pytest.fixture
def config(photographs: Path) -> dict[str, Any]:
    return {
        "data": {"name": "folder", "path": str(photographs), "image_size": 8, "scales": [1.0]},
        "tiling": {"grid": 1, "context": "none"},
        "generator": {"depth": 1},
    }


def build(name: str, config: dict[str, Any], task: str = "inpainting", **fields: Any) -> Method:
    run = RunConfig.model_validate({**config, "method": name, "task": {"name": task, **fields}})
    module, _, factory = METHODS[name].partition(":")
    made = build_task(run.task)
    method: Method = getattr(importlib.import_module(module), factory)(
        run, made.in_channels, made.out_channels, torch.device("cpu")
    )
    return method


def with_hole(image: Tensor, top: int, left: int, side: int) -> Batch:
    """(B, 3, H, W) in [-1, 1] with one square hole."""
    mask = torch.zeros_like(image[:, :1])
    mask[:, :, top : top + side, left : left + side] = 1
    return Batch(torch.where(mask > 0, -1.0, image), image, mask)


def photograph(side: int = 48) -> Tensor:
    crops = np.stack([data.astronaut()[:side, 200 : 200 + side], data.chelsea()[80 : 80 + side, 100 : 100 + side]])
    return torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255 * 2 - 1


def test_the_registry_is_consistent() -> None:
    assert set(METHODS) >= PARAMETER_FREE | set(ONLY_FOR)
    assert all(tasks and set(tasks) <= set(REGISTRY) for tasks in ONLY_FOR.values())


@pytest.mark.parametrize(("name", "task"), ABLE)
def test_there_is_nothing_to_train_and_each_image_is_by_itself(name: str, task: str, config: dict[str, Any]) -> None:
    method = build(name, config, task)
    rgb = (photograph() + 1) / 2
    batch = build_task(RunConfig.model_validate({"task": task}).task).batch(rgb, [[1], [2]])
    assert (method.networks, method.optimizers) == ({}, {})
    with pytest.raises(TypeError, match="has nothing to train"):
        method.update(batch, Progress(0, 0))
    output = method.predict(batch)
    assert (output.shape, output.dtype, output.device) == (batch.target.shape, torch.float32, batch.input.device)
    assert output.abs().max() <= 1
    for i in range(2):
        mask = None if batch.mask is None else batch.mask[i : i + 1]
        alone = method.predict(Batch(batch.input[i : i + 1], batch.target[i : i + 1], mask))
        assert torch.equal(alone, output[i : i + 1])


@pytest.mark.parametrize("name", ["gray", "identity"])
def test_no_colour_is_ab_zero(name: str, config: dict[str, Any]) -> None:
    output = build(name, config, "colorization").predict(Batch(torch.rand(2, 1, 4, 6), torch.rand(2, 2, 4, 6)))
    assert torch.equal(output, torch.zeros(2, 2, 4, 6))


@pytest.mark.parametrize("mask_known", [False, True])
def test_identity_leaves_the_hole(mask_known: bool, config: dict[str, Any]) -> None:
    holed = with_hole(photograph(), 5, 7, 12)
    assert holed.mask is not None
    given = Batch(torch.cat([holed.input, holed.mask], 1) if mask_known else holed.input, holed.target, holed.mask)
    assert torch.equal(build("identity", config, mask_known=mask_known).predict(given), holed.input)


def test_mean_color_is_the_mean_of_the_images_means(config: dict[str, Any]) -> None:
    red, green, blue = (rgb2lab(np.array(SOLID[c]) / 255)[1:] / 110 for c in ("red", "green", "blue"))
    expected = torch.tensor(((red + green) / 2 + blue) / 2).float()  # the wide image weighs what the other does
    output = build("mean_color", config, "colorization").predict(Batch(torch.rand(2, 1, 4, 6), torch.rand(2, 2, 4, 6)))
    torch.testing.assert_close(output, expected.view(1, 2, 1, 1).expand(2, 2, 4, 6), rtol=0, atol=1e-5)


def test_mean_color_takes_the_smallest_size(config: dict[str, Any], photographs: Path) -> None:
    """Whatever the order of data.scales; a photograph's mean ab is another at another size."""
    columns = np.random.default_rng(0).integers(0, 256, (1, 16, 3), np.uint8).repeat(16, axis=0)
    for i, name in enumerate(["train/a", "train/b", "val/c"]):
        Image.fromarray(columns + np.uint8(i)).save(photographs / f"{name}.png")
    both = build("mean_color", {**config, "data": {**config["data"], "scales": [2.0, 1.0]}}, "colorization")
    small, large = (
        build("mean_color", {**config, "data": {**config["data"], "scales": [s]}}, "colorization") for s in (1.0, 2.0)
    )
    zeros = Batch(torch.zeros(1, 1, 1, 1), torch.zeros(1, 2, 1, 1))
    assert torch.equal(both.predict(zeros), small.predict(zeros))
    assert not torch.equal(both.predict(zeros), large.predict(zeros))


@pytest.mark.parametrize("name", FILLERS)
@pytest.mark.parametrize(("top", "left"), [(20, 24), (0, 0), (48, 17), (1, 48)])
def test_a_flat_image_comes_back_whole(name: str, top: int, left: int, config: dict[str, Any]) -> None:
    levels = torch.tensor([[77.0, 128.0, 255.0], [0.0, 1.0, 254.0]])
    image = (levels / 255 * 2 - 1).view(2, 3, 1, 1).expand(2, 3, 64, 64)
    output = build(name, config).predict(with_hole(image, top, left, 16))
    torch.testing.assert_close(output, image, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", FILLERS)
@pytest.mark.parametrize("mask_known", [False, True])
def test_what_is_known_stays_and_what_was_in_the_hole_has_no_say(
    name: str, mask_known: bool, config: dict[str, Any]
) -> None:
    method = build(name, config, mask_known=mask_known)
    image = photograph() * 0.999  # between the 256 levels
    holed = with_hole(image, 5, 30, 12)
    assert holed.mask is not None
    hole = holed.mask.bool().expand_as(image)
    extra = [holed.mask] if mask_known else []
    output = method.predict(Batch(torch.cat([holed.input, *extra], 1), image, holed.mask))
    assert torch.equal(output[~hole], image[~hole])
    leaked = torch.where(hole, 0.5, image)
    assert torch.equal(method.predict(Batch(torch.cat([leaked, *extra], 1), image, holed.mask)), output)
    assert (output - image)[hole].abs().mean() < 0.5 * (holed.input - image)[hole].abs().mean()


@pytest.mark.parametrize("name", FILLERS)
def test_what_cannot_be_filled_is_refused(name: str, config: dict[str, Any]) -> None:
    method, image = build(name, config), photograph()
    with pytest.raises(ValueError, match="no holes to fill"):
        method.predict(Batch(image, image))
    with pytest.raises(ValueError, match="without a known pixel"):
        method.predict(Batch(image, image, torch.ones_like(image[:, :1])))


@pytest.mark.parametrize(("at", "ring"), [(7, 8 * 8 - 4), (0, 5 * 5 - 4)])
def test_mean_fill_is_the_mean_of_three_pixels_around(at: int, ring: int, config: dict[str, Any]) -> None:
    image = torch.zeros(1, 3, 16, 16)
    image[:, 0, at + 4, at + 4] = 1  # the ring's corner
    image[:, 0, at + 5, at + 4] = -1  # just outside
    image[:, 1, at + 2, at] = -0.5  # beside the hole
    output = build("mean_fill", config).predict(with_hole(image, at, at, 2))
    expected = torch.tensor([1 / ring, -0.5 / ring, 0]).view(3, 1, 1).expand(3, 2, 2)
    torch.testing.assert_close(output[0, :, at : at + 2, at : at + 2], expected, rtol=1e-6, atol=0)


def test_navier_stokes_is_opencv_on_bgr_bytes(config: dict[str, Any]) -> None:
    image = photograph()[:1]
    pixels = data.astronaut()[:48, 200:248, ::-1]
    mask = np.zeros((48, 48), np.uint8)
    mask[10:22, 18:30] = 255
    expected = cv2.inpaint(np.ascontiguousarray(pixels), mask, 3, cv2.INPAINT_NS)[..., ::-1]
    output = build("navier_stokes", config).predict(with_hole(image, 10, 18, 12))
    assert np.array_equal(((output[0] + 1) * 127.5).round().permute(1, 2, 0).numpy().astype(np.uint8), expected)


def test_telea_is_within_the_colours_around(config: dict[str, Any]) -> None:
    """A weighted mean without overshoot; of two flat halves each row keeps what is on both sides of it."""
    image = torch.full((1, 3, 32, 32), -0.6)
    image[..., 16:, :] = 0.6
    filled = build("telea", config).predict(with_hole(image, 10, 10, 12))[0, 0, 10:22, 10:22]
    assert -0.61 < filled.min() < -0.55
    assert 0.55 < filled.max() < 0.61
    assert (filled.mean(dim=1).diff() > -0.02).all()


@pytest.mark.parametrize(("place", "levels"), [(32, 7), (0, 14)], ids=["middle", "corner"])
def test_telea_does_not_drift_on_a_flat_image_as_with_8_bits(config: dict[str, Any], place: int, levels: int) -> None:
    hole = np.zeros((128, 128), np.uint8)
    hole[place : place + 64, place : place + 64] = 1
    drift = {
        value: (cv2.inpaint(np.full((128, 128), value, np.uint8), hole, 3, cv2.INPAINT_TELEA).astype(int) - value).max()
        for value in range(256)
    }
    assert max(drift[value] for value in range(0, 256, 2)) == max(drift[value] for value in range(1, 256, 2)) == levels
    flat = torch.full((1, 3, 128, 128), 101 / 127.5 - 1)
    filled = build("telea", config).predict(with_hole(flat, place, place, 64))
    torch.testing.assert_close(filled, flat, rtol=0, atol=1e-6)


def test_biharmonic_continues_a_ramp(config: dict[str, Any]) -> None:
    x = torch.linspace(-0.9, 0.9, 32).expand(32, 32)
    image = torch.stack([x, x.T, (x - 2 * x.T) / 3])[None]
    output = build("biharmonic", config).predict(with_hole(image, 2, 14, 12))
    torch.testing.assert_close(output, image, rtol=0, atol=1e-6)
