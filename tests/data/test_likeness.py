"""Copies, near copies and gray, on real photographs."""

from __future__ import annotations

import io
from itertools import combinations

import numpy as np
import pytest
import skimage.data
from odd_images import encoded
from PIL import Image

from bench.data.decode import NEAR_COPY_BITS, decode
from bench.data.likeness import dhash, is_gray

PHOTOS = {
    name: Image.fromarray(getattr(skimage.data, name)()).convert("RGB")
    for name in ("astronaut", "coffee", "chelsea", "rocket", "camera", "coins", "immunohistochemistry")
}
SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])


def again(image: Image.Image, format: str, **options: object) -> Image.Image:
    return Image.open(io.BytesIO(encoded(image, format, **options))).convert("RGB")


def test_the_same_pixels_have_one_content_whatever_their_encoding():
    photo = PHOTOS["coffee"]
    exif = Image.Exif()
    exif[0x0112] = 3
    files = [
        encoded(photo, "PNG"),
        encoded(photo, "PNG", compress_level=1),
        encoded(photo.convert("RGBA"), "PNG"),
        encoded(photo.transpose(Image.Transpose.ROTATE_180), "PNG", exif=exif),
        encoded(photo, "WEBP", lossless=True),
        encoded(photo, "TIFF", compression="tiff_lzw"),
        encoded(photo, "BMP"),
        encoded(photo, "PPM"),
        encoded(photo, "JPEG2000"),
    ]
    assert len({decode(data, 64, (1.0,)).content for data in files}) == 1
    assert decode(encoded(photo, "JPEG"), 64, (1.0,)).content != decode(files[0], 64, (1.0,)).content
    wide, high = (Image.new("RGB", size, "red") for size in ((8, 16), (16, 8)))
    assert decode(encoded(wide, "PNG"), 8, (1.0,)).content != decode(encoded(high, "PNG"), 8, (1.0,)).content


@pytest.mark.parametrize("name", PHOTOS)
def test_near_copies_differ_in_few_bits(name):
    photo = PHOTOS[name]
    half = photo.resize((photo.width // 2, photo.height // 2), Image.Resampling.BICUBIC)
    copies = [
        again(photo, "JPEG", quality=60),
        half,
        again(half, "JPEG", quality=60),
        again(half, "WEBP", quality=50),
        photo.crop((2, 1, photo.width - 1, photo.height - 2)),
    ]
    found = dhash(photo)
    assert found is not None
    for copy in copies:
        other = dhash(copy)
        assert other is not None
        assert (found ^ other).bit_count() <= NEAR_COPY_BITS


def test_different_photographs_differ_in_many():
    found = [dhash(photo) for photo in PHOTOS.values()]
    assert min((a ^ b).bit_count() for a, b in combinations(found, 2)) > 2 * NEAR_COPY_BITS


def test_flat_and_smooth_images_have_no_hash():
    ramp = np.tile(np.linspace(0, 255, 300), (200, 1))
    noise = np.random.default_rng(0).integers(-3, 4, ramp.shape)
    for plane in (
        ramp * 0,
        ramp * 0 + 128 + noise,
        np.clip(ramp + noise, 0, 255),
        np.clip(ramp[:, ::-1] + noise, 0, 255),
    ):
        assert dhash(Image.fromarray(plane.astype(np.uint8)).convert("RGB")) is None


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "rocket"])
def test_colours_and_their_absence(name):
    photo = PHOTOS[name]
    gray = photo.convert("L").convert("RGB")
    noise = np.random.default_rng(0).integers(-4, 5, (*gray.size[::-1], 3))
    noisy = Image.fromarray(np.clip(np.asarray(gray) + noise, 0, 255).astype(np.uint8))
    logo = gray.copy()
    logo.paste((230, 0, 18), (4, 4, 36, 36))
    for without in (gray, again(gray, "JPEG", quality=50), noisy, again(noisy, "JPEG", quality=50), logo):
        assert is_gray(without)
    sepia = Image.fromarray(np.clip(np.asarray(photo) @ SEPIA.T, 0, 255).astype(np.uint8))
    for coloured in (photo, again(photo, "JPEG", quality=50), sepia, again(sepia, "JPEG", quality=50)):
        assert not is_gray(coloured)


def test_a_gray_blue_sea_has_a_colour_and_a_gray_photograph_none():
    height, width = 200, 300
    waves = np.random.default_rng(0).normal(0, 8, (height, width)) + np.linspace(60, 140, height)[:, None]
    sea = np.dstack([waves - 8, waves, waves + 10])
    assert not is_gray(again(Image.fromarray(np.clip(sea, 0, 255).astype(np.uint8)), "JPEG", quality=50))
    for name in ("camera", "coins"):
        assert is_gray(again(PHOTOS[name], "JPEG", quality=50))
