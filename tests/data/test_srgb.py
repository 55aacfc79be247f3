"""The colour spaces that files declare: profiles, PNG's chunks, AVIF's code points, EXIF; and broken profiles."""

from __future__ import annotations

import io

import numpy as np
import pytest
import skimage.data
from odd_images import (
    ADOBE,
    CMYK,
    GRAY,
    GRAY_18,
    INKS,
    P3,
    PHOTO,
    RGB,
    as_loaded,
    chunk,
    encoded,
    image_of,
    in_srgb,
    pixels,
    read,
    thrice,
    with_chunks,
)
from PIL import Image, ImageCms
from skimage.color import deltaE_ciede2000, rgb2lab

from bench.data.decode import decode


def test_srgb_itself_changes_nothing_and_so_no_fingerprint():
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    decoded = read(encoded(PHOTO, "PNG", icc_profile=profile))
    assert (decoded.profile, decoded.reading) == ("converted", "")
    np.testing.assert_array_equal(decoded.levels[0][1], RGB)


BROKEN = {
    "cut off": (PHOTO, P3[:300]),
    "noise": (PHOTO, bytes(range(256))),
    "no curve": (PHOTO, P3.replace(b"rTRC", b"xxxx")),
    "gray for colours": (PHOTO, GRAY_18),
    "inks for light": (PHOTO, INKS),
    "colours for gray": (PHOTO.convert("L"), P3),
    "colours for gray, opacity": (PHOTO.convert("LA"), P3),
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_profile_that_cannot_be_used_is_taken_for_srgb(name):
    image, profile = BROKEN[name]
    decoded = read(encoded(image, "PNG", icc_profile=profile))
    assert (decoded.profile, decoded.reading) == ("broken", "")
    np.testing.assert_array_equal(decoded.levels[0][1], image.convert("RGB"))


def test_profiles_that_cannot_even_be_put_together_are_broken():
    half = encoded(PHOTO, "JPEG", icc_profile=bytes(70_000)).replace(b"ICC_PROFILE\0\2\2", b"ICC_PROFILE\0\2\3")
    not_packed = with_chunks(encoded(PHOTO, "PNG"), chunk(b"iCCP", b"name\0\0not packed"))
    rgb_of_cmyk = encoded(image_of("CMYK", CMYK), "JPEG", icc_profile=P3)
    assert [read(data).profile for data in (half, not_packed, rgb_of_cmyk)] == ["broken"] * 3
    np.testing.assert_array_equal(pixels(rgb_of_cmyk), as_loaded(rgb_of_cmyk).convert("RGB"))


def png_with(*chunks: bytes, image: Image.Image = PHOTO) -> bytes:
    return with_chunks(encoded(image, "PNG"), *chunks)


def chromaticities(*xy: float) -> bytes:
    return chunk(b"cHRM", b"".join(round(v * 100_000).to_bytes(4) for v in xy))


def gamma(value: float) -> bytes:
    return chunk(b"gAMA", round(value * 100_000).to_bytes(4))


OF_ADOBE = chromaticities(0.3127, 0.329, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
OF_SRGB = chromaticities(0.3127, 0.329, 0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
LINEAR = np.arange(256) / 255
FROM_LINEAR = np.rint(255 * np.where(LINEAR > 0.0031308, 1.055 * LINEAR ** (1 / 2.4) - 0.055, 12.92 * LINEAR))
BY_CHUNKS = {
    "gAMA 1": (png_with(gamma(1.0)), FROM_LINEAR[RGB]),
    "gAMA 1, sRGB's cHRM": (png_with(gamma(1.0), OF_SRGB), FROM_LINEAR[RGB]),
    "gAMA 1, gray": (png_with(gamma(1.0), image=PHOTO.convert("L")), thrice(FROM_LINEAR[GRAY])),
    "Adobe's cHRM": (png_with(gamma(256 / 563), OF_ADOBE), in_srgb(RGB, ADOBE)),
    "cICP of P3": (png_with(chunk(b"cICP", bytes([12, 13, 0, 1]))), in_srgb(RGB, P3)),
    "cICP before iCCP": (
        with_chunks(encoded(PHOTO, "PNG", icc_profile=ADOBE), chunk(b"cICP", bytes([12, 13, 0, 1]))),
        in_srgb(RGB, P3),
    ),
    "sRGB's gAMA": (png_with(gamma(0.45455)), RGB),
    "sRGB's gAMA and cHRM": (png_with(gamma(0.45455), OF_SRGB), RGB),
    "sRGB before gAMA": (png_with(chunk(b"sRGB", b"\0"), gamma(1.0)), RGB),
    "iCCP before gAMA": (with_chunks(encoded(PHOTO, "PNG", icc_profile=P3), gamma(1.0)), in_srgb(RGB, P3)),
    "cICP of sRGB": (png_with(chunk(b"cICP", bytes([1, 13, 0, 1]))), RGB),
    "cICP of HDR": (png_with(chunk(b"cICP", bytes([9, 16, 0, 1]))), RGB),
    "no light": (png_with(chromaticities(*[0.0] * 8)), RGB),
}


@pytest.mark.parametrize("name", BY_CHUNKS)
def test_what_png_says_of_its_colours(name):
    data, expected = BY_CHUNKS[name]
    decoded = read(data)
    np.testing.assert_allclose(decoded.levels[0][1].astype(float), expected, atol=1)
    assert decoded.reading == ("" if expected is RGB else "icc")
    if expected is RGB:
        np.testing.assert_array_equal(decoded.levels[0][1], RGB)
        assert decoded.profile == ("broken" if name in ("cICP of HDR", "no light") else "none")


def test_what_avif_says_of_its_colours():
    data = encoded(PHOTO, "AVIF", quality=90)
    place = data.index(b"colrnclx") + 8
    p3 = data[:place] + bytes([0, 12, 0, 13]) + data[place + 4 :]
    assert read(data).profile == "none"
    np.testing.assert_allclose(pixels(p3).astype(float), in_srgb(as_loaded(data), P3), atol=1)


@pytest.mark.parametrize(
    ("space", "index", "is_adobe"),
    [(0xFFFF, "R03", True), (2, None, True), (0xFFFF, "R98", False), (1, "R98", False), (0xFFFF, None, False)],
)
def test_cameras_say_adobe_rgb_in_exif(space, index, is_adobe):
    exif = Image.Exif()
    exif.get_ifd(0x8769)[0xA001] = space
    if index:
        exif.get_ifd(0x8769)[0xA005] = {1: index}
    data = encoded(PHOTO, "JPEG", exif=exif)
    expected = in_srgb(as_loaded(data), ADOBE) if is_adobe else np.asarray(as_loaded(data))
    np.testing.assert_allclose(pixels(data).astype(float), expected, atol=1 if is_adobe else 0)
    assert read(data).profile == ("converted" if is_adobe else "none")


@pytest.mark.parametrize("profile", [ADOBE, P3])
@pytest.mark.parametrize("photo", ["astronaut", "coffee", "chelsea"])
def test_a_photograph_keeps_its_colours_through_a_wider_space(photo, profile):
    rgb = getattr(skimage.data, photo)()[:200, :200]
    srgb, wide = ImageCms.createProfile("sRGB"), ImageCms.ImageCmsProfile(io.BytesIO(profile))
    data = encoded(ImageCms.profileToProfile(Image.fromarray(rgb), srgb, wide), "PNG", icc_profile=profile)
    ignored, shown = np.asarray(as_loaded(data)), decode(data, 200, (1.0,)).levels[0][1]
    before, after = (deltaE_ciede2000(rgb2lab(rgb), rgb2lab(other)).mean() for other in (ignored, shown))
    assert before > 1
    assert after < 0.4  # the rounding to 8 bits
