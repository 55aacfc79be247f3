"""From bytes to pixels: each encoding against what a viewer shows, computed without the decoder."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable

import numpy as np
import pytest
import tifffile
from odd_images import (
    ADOBE,
    CMYK,
    GRAY,
    GRAY_18,
    HEIGHT,
    INKS,
    P3,
    PALETTE,
    PHOTO,
    RGB,
    WIDTH,
    Array,
    as_loaded,
    chunk,
    encoded,
    image_of,
    in_srgb,
    jp2_with_profile,
    pixels,
    png,
    read,
    thrice,
    tiff,
    with_chunks,
)
from PIL import Image, ImageCms

DEEP = np.arange(WIDTH * HEIGHT, dtype=np.uint16).reshape(HEIGHT, WIDTH) * 34  # 0 to 65246
OPACITY = np.tile(np.linspace(0, 255, WIDTH).astype(np.uint8), (HEIGHT, 1))
LOSSLESS = {"PNG": {}, "TIFF": {"compression": "tiff_lzw"}, "WEBP": {"lossless": True}, "JPEG2000": {}}


def over_white(rgb: Array, opacity: Array = OPACITY) -> Array:
    share = opacity[..., None] / 255
    return rgb * share + 255 * (1 - share)


def with_opacity(colours: Array) -> Image.Image:
    return Image.fromarray(np.dstack([colours, OPACITY]))


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
    spaces = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    lab = image_of("LAB", np.asarray(PHOTO.convert("LAB")))
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
        "Lab": (encoded(lab, "TIFF"), np.asarray(ImageCms.profileToProfile(lab, *spaces, outputMode="RGB"))),
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
    decoded = read(data)
    np.testing.assert_allclose(decoded.levels[0][1].astype(float), expected, atol=1 if "opacity" in name else 0)
    assert decoded.reading == ("transparency" if "one clear" in name else "")


@pytest.mark.parametrize("order", "<>")
def test_what_tifffile_writes(order):
    def written(array: Array, **options: object) -> bytes:
        file = io.BytesIO()
        tifffile.imwrite(file, array, byteorder=order, **options)
        return file.getvalue()

    wide, deep = RGB.astype(np.uint16) * 257, DEEP >> 8
    colours, gray = (np.rint(over_white(array, OPACITY) - 255 + OPACITY[..., None]) for array in (RGB, thrice(GRAY)))
    premultiplied = {"photometric": "rgb", "extrasamples": ["assocalpha"]}
    np.testing.assert_array_equal(pixels(written(wide, photometric="rgb")), RGB)
    np.testing.assert_array_equal(pixels(written(wide, photometric="rgb", compression="zlib", predictor=True)), RGB)
    for options in (
        {"tile": (16, 16)},
        {"tile": (16, 16), "compression": "zlib"},
        {"compression": "zlib", "predictor": True},
    ):
        data = written(DEEP, photometric="miniswhite", **options)
        np.testing.assert_array_equal(pixels(data), thrice(255 - deep))
    data = written(np.dstack([colours, OPACITY]).astype(np.uint8), **premultiplied)
    np.testing.assert_allclose(pixels(data).astype(float), over_white(RGB), atol=2)
    data = written(np.dstack([gray[..., 0], OPACITY]).astype(np.uint8), **premultiplied | {"photometric": "minisblack"})
    np.testing.assert_allclose(pixels(data).astype(float), over_white(thrice(GRAY)), atol=2)
    planes = {"photometric": "rgb", "planarconfig": "separate"}
    np.testing.assert_array_equal(pixels(written(RGB.transpose(2, 0, 1), **planes)), RGB)
    with pytest.raises(ValueError, match="save it with its channels interleaved"):  # Pillow would mix them up
        read(written(wide.transpose(2, 0, 1), **planes))


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
