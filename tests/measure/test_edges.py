"""Sharpness, chroma edges and seams against numbers by hand and by NumPy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from kornia.color import lab_to_rgb, rgb_to_lab
from scipy.ndimage import gaussian_filter
from skimage.color import lab2rgb, rgb2lab
from torch import Tensor

from bench.measure.metrics import load


def image(lightness: list[float], a: list[float] | None = None) -> Tensor:
    """4x4 pixels whose columns have this L, and this a if given: CIE Lab -> sRGB (1, 3, 4, 4)."""
    lab = np.stack([lightness, a or [0] * 4, [0] * 4], axis=-1, dtype=float)
    rgb = torch.tensor(lab2rgb(np.tile(lab, (4, 1, 1))), dtype=torch.float32)
    return rgb.permute(2, 0, 1)[None]


# sharpness


def test_an_edge_over_two_pixels_is_less_sharp_by_the_root_of_two() -> None:
    crisp, soft = image([20, 20, 80, 80]), image([20, 50, 80, 80])
    # squares of the differences in x: 60^2 against 2 x 30^2; in y none
    assert load("sharpness", "cpu")(soft, crisp).item() == pytest.approx(0.5**0.5, abs=1e-4)
    assert load("sharpness", "cpu")(crisp, soft).item() == pytest.approx(2**0.5, abs=1e-4)
    assert load("color_sharpness", "cpu")(soft, crisp).item() == pytest.approx(1, abs=2e-3)  # both are gray


def test_half_the_colour_is_half_the_colour_sharpness() -> None:
    full, half = image([50] * 4, [0, 0, 20, 20]), image([50] * 4, [0, 0, 10, 10])
    assert load("color_sharpness", "cpu")(half, full).item() == pytest.approx(0.5, abs=1e-3)
    assert load("sharpness", "cpu")(half, full).item() == pytest.approx(1, abs=1e-3)


def test_flat_images_are_as_sharp_as_each_other_and_an_edge_is_finitely_sharper() -> None:
    flat, edge = image([50] * 4), image([50, 50, 53, 53])
    assert load("sharpness", "cpu")(flat, flat).item() == 1
    # 3^2 in one of three differences: energy 3 against none, and 0.1^2 added to both
    assert load("sharpness", "cpu")(edge, flat).item() == pytest.approx((3.01 / 0.01) ** 0.5, rel=1e-3)


@pytest.mark.parametrize(("name", "channels"), [("sharpness", slice(0, 1)), ("color_sharpness", slice(1, 3))])
def test_sharpness_of_a_blurred_photograph_is_that_of_numpy(name: str, channels: slice, photo: Tensor) -> None:
    original = photo[0].permute(1, 2, 0).double().numpy()
    blurred = gaussian_filter(original, (1, 1, 0))

    def energy(rgb: np.ndarray) -> float:
        lab = rgb2lab(rgb)[..., channels]
        parts = [(np.diff(lab, axis=axis) ** 2).sum(-1).mean() for axis in (0, 1)]
        return float(sum(parts)) + 0.01

    ours = load(name, "cpu")(torch.tensor(blurred).permute(2, 0, 1)[None], photo).item()
    assert ours == pytest.approx((energy(blurred) / energy(original)) ** 0.5, abs=1e-4)
    assert ours < 0.7


# seam error


def test_a_jump_at_the_border_alone_is_all_seam() -> None:
    target, prediction = image([0] * 4), image([0, 0, 10, 10])
    # across the two borders 4 jumps of 10 and 4 of 0; elsewhere none; 0.01 added to both means
    assert load("seam_error", "cpu")(prediction, target, grid=2).item() == pytest.approx(5.01 / 0.01, rel=0.02)


def test_a_jump_beside_the_border_is_no_seam() -> None:
    target, prediction = image([0] * 4), image([0, 10, 10, 10])
    # elsewhere 4 jumps of 10 among 8 + 8
    assert load("seam_error", "cpu")(prediction, target, grid=2).item() == pytest.approx(0.01 / 2.51, rel=0.02)


def test_jumps_everywhere_are_no_seam() -> None:
    target, prediction = image([0] * 4), image([0, 10, 0, 10])
    # across 4 of 10 among 8, elsewhere 8 of 10 among 16
    assert load("seam_error", "cpu")(prediction, target, grid=2).item() == pytest.approx(1, abs=1e-3)


def test_an_edge_of_the_picture_itself_is_no_seam() -> None:
    target, prediction = image([30, 30, 60, 60]), image([40, 40, 70, 70])
    assert load("seam_error", "cpu")(prediction, target, grid=2).item() == pytest.approx(1, abs=0.2)  # 0.01 is added


def test_an_image_that_was_not_cut_is_measured_along_the_lines_of_a_2x2_grid(photo: Tensor, noisy: Tensor) -> None:
    score = load("seam_error", "cpu")
    assert torch.equal(score(noisy, photo), score(noisy, photo, grid=2))
    assert score(noisy, photo).item() == pytest.approx(1, abs=0.05)
    assert score(noisy[..., 1:], photo[..., 1:]).isfinite()  # an odd width has no two equal halves


def test_seam_error_is_that_of_numpy_pixel_by_pixel(photo: Tensor, noisy: Tensor) -> None:
    ours, theirs = (rgb2lab(x[0, :, :24, :32].permute(1, 2, 0).double().numpy()) for x in (noisy, photo))
    error = ours - theirs
    jumps: dict[bool, list[float]] = {True: [], False: []}  # by whether the jump is across a border
    for y in range(24):
        for x in range(32):
            if x < 31:
                jumps[x % 8 == 7].append(float(np.linalg.norm(error[y, x + 1] - error[y, x])))
            if y < 23:
                jumps[y % 6 == 5].append(float(np.linalg.norm(error[y + 1, x] - error[y, x])))
    expected = (np.mean(jumps[True]) + 0.01) / (np.mean(jumps[False]) + 0.01)
    score = load("seam_error", "cpu")(noisy[..., :24, :32], photo[..., :24, :32], grid=4)
    assert score.item() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("grid", [5, 64])
def test_tiles_that_do_not_fit_are_refused(grid: int, photo: Tensor) -> None:
    with pytest.raises(ValueError, match=f"96x128 pixels do not divide into {grid}x{grid} tiles"):
        load("seam_error", "cpu")(photo, photo, grid=grid)


# chroma edges


def lab_image(ab: Tensor) -> Tensor:
    """(1, 2, H, W) -> sRGB of lightness 60."""
    return lab_to_rgb(torch.cat([torch.full_like(ab[:, :1], 60), ab], dim=1), clip=False)


def test_it_is_the_correlation_of_scikit_images_gradients(photo: Tensor, noisy: Tensor) -> None:
    fields = [rgb2lab(image[0].permute(1, 2, 0).double().numpy())[..., 1:] for image in (photo, noisy)]
    ours, theirs = (np.concatenate([np.diff(ab, axis=axis).ravel() for axis in (0, 1)]) for ab in fields)
    expected = (ours @ theirs) / np.sqrt((ours @ ours) * (theirs @ theirs))
    assert load("chroma_edges", "cpu")(photo, noisy).item() == pytest.approx(expected, abs=1e-3)


def test_paler_colours_have_the_same_edges_and_opposite_ones_the_contrary() -> None:
    ab = torch.zeros(1, 2, 8, 8)
    ab[..., :4] = 20.0
    scores = [load("chroma_edges", "cpu")(lab_image(times * ab), lab_image(ab)).item() for times in (1, 0.5, -1)]
    assert scores == pytest.approx([1, 1, -1], abs=1e-2)


def test_gray_has_no_edges_and_edges_elsewhere_do_not_count(photo: Tensor) -> None:
    gray = photo.mean(1, keepdim=True).expand_as(photo)
    turned = torch.cat([rgb_to_lab(photo)[:, :1], rgb_to_lab(photo)[:, 1:].flip(3)], dim=1)
    scores = [load("chroma_edges", "cpu")(image, photo).item() for image in (gray, lab_to_rgb(turned))]
    assert scores == pytest.approx([0, 0], abs=0.2)
