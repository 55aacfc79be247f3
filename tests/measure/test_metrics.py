"""What every metric must do: say what it is, score a batch as its images, stay in fp32, refuse what does not fit."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

from bench.measure.metrics import METRICS, Unavailable, ieee_fp32, load

pytestmark = pytest.mark.usefixtures("hub")

ONE_AN_IMAGE = [name for name, metric in METRICS.items() if metric.needs != "distribution"]  # test_distribution.py
BY_IMAGE = [name for name in ONE_AN_IMAGE if METRICS[name].needs != "set"]
BY_MASK = [name for name, metric in METRICS.items() if metric.needs == "mask"]


def large_enough(name: str, *images: Tensor) -> list[Tensor]:
    """These images of 96 x 128, every pixel four times if the metric needs more."""
    times = 1 if METRICS[name].min_side <= 96 else 2
    return [image.repeat_interleave(times, 2).repeat_interleave(times, 3) for image in images]


@pytest.mark.parametrize("name", METRICS)
def test_metric_says_what_it_is_and_its_target_exists(name: str) -> None:
    metric = METRICS[name]
    assert metric.name == name
    assert metric.title
    assert metric.source
    assert metric.unit == {"psnr": "dB", "ab": "Lab units"}.get(name.split("_")[0], "")
    assert metric.direction in ("higher", "lower", "neutral")
    assert metric.needs in ("images", "mask", "grid", "set", "distribution")
    assert metric.version >= 1
    module, function = metric.target.split(":")
    assert callable(getattr(__import__(module, fromlist=[function]), function))


def test_titles_and_files_of_records_are_told_apart() -> None:
    assert len({metric.title for metric in METRICS.values()}) == len(METRICS)
    assert len({metric.records for metric in METRICS.values()}) == len(METRICS)


def test_importing_the_registry_does_not_import_torch() -> None:
    code = "import sys, bench.measure.metrics; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_score_is_loaded_once() -> None:
    assert load("psnr", "cpu") is load("psnr", "cpu")


def test_an_unknown_metric_is_a_key_error() -> None:
    with pytest.raises(KeyError):
        load("psrn", "cpu")


@pytest.mark.parametrize("name", BY_IMAGE)
def test_a_batch_scores_as_its_images_do(name: str, photo: Tensor, noisy: Tensor, hole: Tensor) -> None:
    score = load(name, "cpu")
    noisy, photo, hole = large_enough(name, noisy, photo, hole)
    predictions = torch.cat([noisy, photo.flip(3), photo.flip(2), noisy.flip(2), photo.roll(1, 3), 1 - photo])
    targets = photo.expand_as(predictions)
    masks = torch.cat([hole.roll(5 * index, 2) for index in range(6)])  # six images are more than one chunk
    together = score(predictions, targets, masks, 4)
    assert together.shape == (6,)
    assert together.dtype == torch.float32
    rows = zip(predictions.split(1), targets.split(1), masks.split(1), strict=True)
    torch.testing.assert_close(together, torch.cat([score(*row, 4) for row in rows]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ONE_AN_IMAGE)
def test_scores_are_fp32_under_autocast_and_without_gradients(
    name: str, photo: Tensor, noisy: Tensor, hole: Tensor
) -> None:
    score = load(name, "cpu")
    noisy, photo, hole = large_enough(name, noisy, photo, hole)
    pair = torch.cat([noisy, photo.flip(2)]), torch.cat([photo, noisy.flip(3)]), torch.cat([hole, hole])
    expected = score(*pair, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        inside = score(pair[0].clone().requires_grad_(), *pair[1:], 4)
    assert not inside.requires_grad
    assert torch.equal(inside, expected)


@pytest.fixture
def lower_precision() -> Iterator[None]:
    """bf16 on the CPU and TF32 on a GPU, as set_float32_matmul_precision("medium") and more would have it."""
    backends: Any = torch.backends
    wanted = {backends.mkldnn.matmul: "bf16", backends.mkldnn.conv: "bf16", backends.cuda.matmul: "tf32"}
    before = {operator: operator.fp32_precision for operator in wanted}
    for operator, precision in wanted.items():
        operator.fp32_precision = precision
    yield
    for operator, precision in before.items():
        operator.fp32_precision = precision


@pytest.mark.parametrize("name", ["ab_l1", "ssim", "st_lpips", "seam_error"])
def test_scores_are_fp32_where_less_is_allowed(
    name: str, photo: Tensor, noisy: Tensor, request: pytest.FixtureRequest
) -> None:
    expected = load(name, "cpu")(noisy, photo)
    request.getfixturevalue("lower_precision")
    assert torch.equal(load(name, "cpu")(noisy, photo), expected)


@pytest.mark.usefixtures("lower_precision")
def test_lower_precision_is_off_while_scoring_and_then_as_it_was() -> None:
    def precisions() -> list[str]:
        backends: Any = torch.backends
        operators = (backends.cuda.matmul, backends.cudnn.conv, backends.mkldnn.matmul, backends.mkldnn.conv)
        return [operator.fp32_precision for operator in operators]

    before = precisions()
    with ieee_fp32():
        assert precisions() == ["ieee"] * 4
    assert precisions() == before
    assert before[2:] == ["bf16", "bf16"]


@pytest.mark.parametrize("name", BY_IMAGE)
def test_identical_images_score_what_perfect_ones_do(name: str, photo: Tensor, hole: Tensor) -> None:
    family = name.removesuffix("_hole").removesuffix("_outside")
    ones = ("ssim", "ms_ssim", "sharpness", "color_sharpness", "chroma_edges", "seam_error")
    perfect = math.inf if family == "psnr" else float(family in ones)
    photo, hole = large_enough(name, photo, hole)
    if name == "colorfulness":  # it looks at one image only
        perfect = load(name, "cpu")(photo, 1 - photo).item()
    assert load(name, "cpu")(photo, photo, hole, 4).item() == pytest.approx(perfect, abs=1e-6)


@pytest.mark.parametrize("name", [name for name, metric in METRICS.items() if metric.min_side > 1])
def test_the_smallest_side_is_the_smallest_that_works(name: str) -> None:
    score, side = load(name, "cpu"), METRICS[name].min_side
    images = torch.rand(2, 3, side, side, generator=torch.Generator().manual_seed(0))
    masks = torch.eye(side).expand(2, 1, side, side)
    assert score(images, images.flip(0), masks).isfinite().all()
    with pytest.raises(Unavailable, match=f"at least {side}x{side} pixels, got {side}x{side - 1}"):
        score(images[..., 1:], images[..., 1:], masks[..., 1:])


# what is refused


@pytest.mark.parametrize("shape", [(3, 32, 32), (1, 1, 32, 32), (0, 3, 32, 32)])
def test_what_is_not_a_batch_of_rgb_images_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="PSNR compares two"):
        load("psnr", "cpu")(torch.zeros(shape), torch.zeros(shape))


@pytest.mark.parametrize("shape", [(2, 3, 32, 32), (1, 3, 32, 33)])
def test_shapes_that_would_broadcast_or_differ_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="of one shape"):
        load("psnr", "cpu")(torch.zeros(shape), torch.zeros(1, 3, 32, 32))


@pytest.mark.parametrize("name", BY_MASK)
def test_a_score_of_a_hole_is_unavailable_without_one(name: str, photo: Tensor) -> None:
    with pytest.raises(Unavailable, match=f"^{METRICS[name].title} needs a hole, and this task has none$"):
        load(name, "cpu")(photo, photo)


@pytest.mark.parametrize("shape", [(1, 96, 128), (2, 1, 96, 128), (1, 3, 96, 128), (1, 1, 96, 1)])
def test_a_mask_of_another_shape_is_refused(shape: tuple[int, ...], photo: Tensor) -> None:
    with pytest.raises(ValueError, match="needs a mask of shape"):
        load("psnr_hole", "cpu")(photo, photo, torch.ones(shape))


def test_a_soft_mask_is_refused(photo: Tensor, hole: Tensor) -> None:
    with pytest.raises(ValueError, match="needs a mask of 0 and 1"):
        load("psnr_hole", "cpu")(photo, photo, 0.5 * hole)


@pytest.mark.parametrize("name", BY_MASK)
def test_a_mask_that_leaves_nothing_to_score_is_refused(name: str, photo: Tensor, noisy: Tensor, hole: Tensor) -> None:
    full, kind = (torch.zeros_like(hole), "missing") if name.endswith("_hole") else (torch.ones_like(hole), "known")
    score = load(name, "cpu")
    with pytest.raises(ValueError, match=f"without {kind} pixels"):  # one such image in a batch is enough
        score(torch.cat([noisy] * 2), torch.cat([photo] * 2), torch.cat([hole, full]))
    assert score(noisy, photo, 1 - full).isfinite().all()
