"""What bytes become which pixels: each encoding against what a viewer shows, worked out without the decoder."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np
import pytest
import skimage.data
from odd_images import (
    ADOBE_RGB,
    DISPLAY_P3,
    chunk,
    cmyk_profile,
    encoded,
    gamma_curve,
    gray_profile,
    jp2_with_profile,
    png,
    rgb_profile,
    srgb_curve,
    tiff,
    with_chunks,
)
from PIL import Image, ImageCms
from skimage.color import deltaE_ciede2000, rgb2lab

from bench.data.decode import DecodedImage, decode

Array = np.ndarray
WIDTH, HEIGHT = 48, 40
P3, ADOBE = rgb_profile(DISPLAY_P3, srgb_curve()), rgb_profile(ADOBE_RGB, gamma_curve(563 / 256))
GRAY_18, INKS = gray_profile(1.8), cmyk_profile()
PHOTO = Image.fromarray(skimage.data.astronaut()[20:220, 120:360]).resize((WIDTH, HEIGHT))
RGB, GRAY, CMYK = np.asarray(PHOTO), np.asarray(PHOTO.convert("L")), np.asarray(PHOTO.convert("CMYK"))
PALETTE = PHOTO.quantize(50)
DEEP = np.arange(WIDTH * HEIGHT, dtype=np.uint16).reshape(HEIGHT, WIDTH) * 34  # 0 to 65246
OPACITY = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
LOSSLESS = {"PNG": {}, "TIFF": {"compression": "tiff_lzw"}, "WEBP": {"lossless": True}, "JPEG2000": {}}


def read(data: bytes) -> DecodedImage:
    return decode(data, HEIGHT, (1.0,))


def pixels(data: bytes) -> Array:
    return read(data).levels[0][1]


def in_srgb(image: Image.Image | Array, profile: bytes) -> Array:
    """By ImageCms, with perceptual intent."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    return np.asarray(ImageCms.profileToProfile(image, source, target, ImageCms.Intent.PERCEPTUAL, "RGB"))


def over_white(rgb: Array, opacity: Array = OPACITY) -> Array:
    share = opacity[..., None] / 255
    return rgb * share + 255 * (1 - share)


def thrice(gray: Array) -> Array:
    return np.repeat(gray[..., None], 3, 2)


def with_opacity(colours: Array) -> Image.Image:
    return Image.fromarray(np.dstack([colours, OPACITY]))


def image_of(mode: str, array: Array) -> Image.Image:
    return Image.frombytes(mode, (WIDTH, HEIGHT), array.tobytes())


def as_loaded(data: bytes) -> Image.Image:
    """What a lossy file's pixels are before its profile counts."""
    return Image.open(io.BytesIO(data))


def _with_profiles() -> dict[str, tuple[bytes, Array]]:
    cases = {}
    for name, profile in (("P3", P3), ("Adobe RGB", ADOBE)):
        for format, options in LOSSLESS.items():
            data = encoded(PHOTO, format, icc_profile=profile, **options)
            data = jp2_with_profile(data, profile) if format == "JPEG2000" else data
            cases[f"{name} in {format}"] = data, in_srgb(RGB, profile)
        for format in ("JPEG", "AVIF", "MPO"):
            data = encoded(PHOTO, format, icc_profile=profile, quality=90)
            cases[f"{name} in {format}"] = data, in_srgb(as_loaded(data), profile)
    for format in ("PNG", "TIFF"):
        cases[f"gray profile in {format}"] = (
            encoded(image_of("L", GRAY), format, icc_profile=GRAY_18),
            in_srgb(GRAY, GRAY_18),
        )
        sixteen = encoded(Image.fromarray(DEEP), format, icc_profile=GRAY_18)
        cases[f"gray profile in {format} of 16 bits"] = sixteen, in_srgb((DEEP >> 8).astype(np.uint8), GRAY_18)
        data = encoded(with_opacity(GRAY), format, icc_profile=GRAY_18)
        cases[f"gray profile, opacity in {format}"] = data, over_white(in_srgb(GRAY, GRAY_18))
        data = encoded(PALETTE, format, icc_profile=P3)
        cases[f"P3 palette in {format}"] = data, in_srgb(PALETTE.convert("RGB"), P3)
    for format, options in LOSSLESS.items():
        if format != "JPEG2000":
            data = encoded(with_opacity(RGB), format, icc_profile=P3, exact=True, **options)
            cases[f"P3, opacity in {format}"] = data, over_white(in_srgb(RGB, P3))
    data = encoded(PHOTO.convert("L"), "JPEG", icc_profile=GRAY_18)
    cases["gray profile in JPEG"] = data, in_srgb(as_loaded(data), GRAY_18)
    data = encoded(PALETTE, "PNG", icc_profile=P3, transparency=7)
    clear = np.where(np.asarray(PALETTE) == 7, 0, 255)
    cases["P3 palette, a clear entry"] = data, over_white(in_srgb(PALETTE.convert("RGB"), P3), clear)
    data = encoded(image_of("CMYK", CMYK), "JPEG", icc_profile=INKS, quality=100)
    cases["CMYK profile in JPEG"] = data, in_srgb(as_loaded(data), INKS)
    data = encoded(image_of("CMYK", CMYK), "TIFF", icc_profile=INKS)
    cases["CMYK profile in TIFF"] = data, in_srgb(image_of("CMYK", CMYK), INKS)
    ycc = PHOTO.convert("YCbCr")
    cases["P3 YCbCr TIFF"] = encoded(ycc, "TIFF", icc_profile=P3), in_srgb(ycc.convert("RGB"), P3)
    return cases


WITH_PROFILES = _with_profiles()


@pytest.mark.parametrize("name", WITH_PROFILES)
def test_a_profile_is_converted_to_srgb(name):
    data, expected = WITH_PROFILES[name]
    decoded = read(data)
    assert (decoded.profile, decoded.reading) == ("converted", "icc")
    tolerance = 1 if "opacity" in name or "clear" in name else 0  # of the rounding where it is laid over white
    np.testing.assert_allclose(decoded.levels[0][1].astype(float), expected, atol=tolerance)


def test_the_inks_of_a_cmyk_jpeg_are_not_inverted():
    data = encoded(image_of("CMYK", CMYK), "JPEG", icc_profile=INKS, quality=100)
    assert b"Adobe" in data[:200]  # whose CMYK lies inverted in the file
    np.testing.assert_allclose(pixels(data).astype(float), in_srgb(image_of("CMYK", CMYK), INKS), atol=12)


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
AS_LINEAR = np.rint(255 * np.where(LINEAR > 0.0031308, 1.055 * LINEAR ** (1 / 2.4) - 0.055, 12.92 * LINEAR))[RGB]
BY_CHUNKS = {
    "gAMA 1": (png_with(gamma(1.0)), AS_LINEAR),
    "gAMA 1, sRGB's cHRM": (png_with(gamma(1.0), OF_SRGB), AS_LINEAR),
    "gAMA 1, gray": (png_with(gamma(1.0), image=PHOTO.convert("L")), None),
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
    if expected is None:
        expected = thrice(
            np.rint(255 * np.where(LINEAR > 0.0031308, 1.055 * LINEAR ** (1 / 2.4) - 0.055, 12.92 * LINEAR))[GRAY]
        )
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


@pytest.mark.parametrize("compression", [1, 8, 32773])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("bits", [1, 2, 4, 8, 12, 16])
def test_zero_is_white_where_tiff_says_so(bits, order, compression):
    samples = DEEP >> (16 - bits)
    expected = samples >> (bits - 8) if bits > 8 else samples * (255 // (2**bits - 1))
    black_is_zero, white_is_zero = (tiff(samples, bits, order, which, compression) for which in (1, 0))
    np.testing.assert_array_equal(pixels(black_is_zero), thrice(expected))
    np.testing.assert_array_equal(pixels(white_is_zero), thrice(255 - expected))
    deep = ["12 bits"] * (bits == 12)
    assert read(black_is_zero).reading == "+".join(deep)
    assert read(white_is_zero).reading == "+".join(deep + ["negative"] * (bits > 8))


def _others() -> dict[str, tuple[bytes, Array]]:
    high = thrice(DEEP >> 8)
    lab = PHOTO.convert("LAB")
    deep_rgb = np.dstack([DEEP, DEEP[::-1], DEEP[:, ::-1]])
    shared = [row.astype(">u2").tobytes() for row in deep_rgb]
    gray_rows = [row.astype(">u2").tobytes() for row in DEEP]
    two_bits = np.tile(np.arange(4, dtype=np.uint8), (HEIGHT, WIDTH // 4))
    clear = thrice(np.where(two_bits == 1, 255, two_bits * 85))
    two_rows = [bytes([0b00011011]) * (WIDTH // 4)] * HEIGHT
    trns = DEEP[3, 5] == DEEP
    p16 = f"{WIDTH} {HEIGHT} 65535\n".encode()
    whole = np.where(OPACITY > 127, 255, 0).astype(np.uint8)
    return {
        "PNG of 16 bits": (png(WIDTH, HEIGHT, 16, 2, shared), deep_rgb >> 8),
        "PNG gray of 16 bits": (png(WIDTH, HEIGHT, 16, 0, gray_rows), high),
        "PNG gray of 16 bits, one clear": (
            png(WIDTH, HEIGHT, 16, 0, gray_rows, chunk(b"tRNS", int(DEEP[3, 5]).to_bytes(2))),
            np.where(trns[..., None], 255, high),
        ),
        "PNG of 16 bits, one clear": (
            png(WIDTH, HEIGHT, 16, 2, shared, chunk(b"tRNS", struct.pack(">3H", *deep_rgb[3, 5].tolist()))),
            np.where((deep_rgb >> 8 == deep_rgb[3, 5] >> 8).all(2)[..., None], 255, deep_rgb >> 8),
        ),
        "PNG gray of 2 bits, one clear": (png(WIDTH, HEIGHT, 2, 0, two_rows, chunk(b"tRNS", b"\0\1")), clear),
        "PGM of 16 bits": (b"P5 " + p16 + DEEP.astype(">u2").tobytes(), high),
        "PPM of 16 bits": (b"P6 " + p16 + deep_rgb.astype(">u2").tobytes(), np.rint(deep_rgb / 257)),
        "JPEG 2000 of 16 bits": (encoded(Image.fromarray(DEEP), "JPEG2000"), high),
        "opacity over white": (encoded(with_opacity(RGB), "PNG"), over_white(RGB)),
        "gray opacity over white": (encoded(with_opacity(GRAY), "PNG"), over_white(thrice(GRAY))),
        "opacity in WebP": (encoded(with_opacity(RGB), "WEBP", lossless=True, exact=True), over_white(RGB)),
        "opacity in TIFF": (encoded(with_opacity(RGB), "TIFF"), over_white(RGB)),
        "opacity in TGA": (encoded(with_opacity(RGB), "TGA"), over_white(RGB)),
        "opacity in GIF": (encoded(Image.fromarray(np.dstack([RGB * 0, whole])), "GIF"), over_white(RGB * 0, whole)),
        "opacity in QOI": (encoded(with_opacity(RGB), "QOI"), over_white(RGB)),
        "black and white": (encoded(PHOTO.convert("1"), "PNG"), np.asarray(PHOTO.convert("1").convert("RGB"))),
        "PBM": (encoded(PHOTO.convert("1"), "PPM"), np.asarray(PHOTO.convert("1").convert("RGB"))),
        "fax": (
            encoded(PHOTO.convert("1"), "TIFF", compression="group4"),
            np.asarray(PHOTO.convert("1").convert("RGB")),
        ),
        "BMP": (encoded(PHOTO, "BMP"), RGB),
        "PPM": (encoded(PHOTO, "PPM"), RGB),
        "SGI": (encoded(PHOTO, "SGI"), RGB),
        "palette in GIF": (encoded(PALETTE, "GIF"), np.asarray(PALETTE.convert("RGB"))),
        "CMYK without a profile": (encoded(PHOTO.convert("CMYK"), "TIFF"), 255 - CMYK[..., :3].astype(int)),
        "Lab": (encoded(lab, "TIFF"), in_srgb(lab, ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes())),
        "the first of an animated GIF": (
            encoded(PALETTE, "GIF", save_all=True, append_images=[PALETTE.rotate(180)]),
            np.asarray(PALETTE.convert("RGB")),
        ),
        "the first of an animated WebP": (
            encoded(PHOTO, "WEBP", lossless=True, save_all=True, append_images=[PHOTO.rotate(180)]),
            RGB,
        ),
        "the first of an animated PNG": (encoded(PHOTO, "PNG", save_all=True, append_images=[PHOTO.rotate(180)]), RGB),
        "the first page": (encoded(PHOTO, "TIFF", save_all=True, append_images=[PHOTO.rotate(180)]), RGB),
    }


OTHERS = _others()


@pytest.mark.parametrize("name", OTHERS)
def test_as_a_viewer_shows_it(name):
    data, expected = OTHERS[name]
    np.testing.assert_allclose(pixels(data).astype(float), expected, atol=1 if "opacity" in name else 0)


TURNED: dict[int, Callable[[Array], Array]] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a),
}


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("format", ["PNG", "TIFF", "WEBP", "JPEG", "AVIF", "MPO"])
def test_the_cameras_orientation_is_applied(format, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = np.asarray(as_loaded(encoded(PHOTO, format, **LOSSLESS.get(format, {}))))
    turned = pixels(encoded(PHOTO, format, exif=exif, **LOSSLESS.get(format, {})))
    np.testing.assert_array_equal(turned, TURNED[orientation](upright))


def test_deep_gray_and_profiles_are_turned_too():
    exif = Image.Exif()
    exif[0x0112] = 6
    for order in "<>":
        data = tiff(DEEP, 16, order, 0, _274=6)
        np.testing.assert_array_equal(pixels(data), thrice(np.rot90(255 - (DEEP >> 8), -1)))
    data = encoded(with_opacity(RGB), "PNG", icc_profile=P3, exif=exif)
    np.testing.assert_allclose(pixels(data).astype(float), np.rot90(over_white(in_srgb(RGB, P3)), -1), atol=1)


def test_damaged_exif_does_not_hide_an_image():
    data = with_chunks(encoded(PHOTO, "PNG"), chunk(b"eXIf", b"garbage"))
    np.testing.assert_array_equal(pixels(data), RGB)


def test_pixels_of_32_bits_are_refused_in_words():
    for array in (np.zeros((HEIGHT, WIDTH), np.float32), np.zeros((HEIGHT, WIDTH), np.int32)):
        with pytest.raises(ValueError, match=r"32-bit pixels .*; save it with 8 bits a channel"):
            read(encoded(Image.fromarray(array), "TIFF"))


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
