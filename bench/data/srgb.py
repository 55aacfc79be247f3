"""The colour space that a file declares, and the conversion of its colours to sRGB."""

from __future__ import annotations

import io
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import ExifTags, Image, ImageCms
from PIL.Jpeg2KImagePlugin import BoxReader

Matrix = npt.NDArray[np.float64]
SPACE_OF_MODE = {"L": "GRAY", "RGB": "RGB", "CMYK": "CMYK", "LAB": "Lab"}
D50 = (0.9642, 1.0, 0.8249)  # the white of ICC's connection space
D65 = (0.3127, 0.329)
SRGB_PRIMARIES = (0.64, 0.33, 0.3, 0.6, 0.15, 0.06)
ADOBE_RGB_PRIMARIES = (0.64, 0.33, 0.21, 0.71, 0.15, 0.06)
ADOBE_RGB_GAMMA = 563 / 256
PRIMARIES_OF_CODE = {9: (0.708, 0.292, 0.17, 0.797, 0.131, 0.046), 12: (0.68, 0.32, 0.265, 0.69, 0.15, 0.06)}
"""Code of ITU-T H.273, table 2 -> x, y of red, green and blue: BT.2020 and Display P3; all others count as sRGB's."""
GAMMA_OF_CODE = {4: 2.2, 5: 2.8, 8: 1.0}
"""Code of H.273, table 3 -> gamma; all others, BT.709's (1, 6, 14, 15) too, count as sRGB's curve, as in browsers."""
HDR_CODES = (16, 18)  # PQ and HLG, which go beyond white; no profile maps that to sRGB
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
GAMMA_TOLERANCE, CHROMATICITY_TOLERANCE = 0.05, 0.01  # libpng takes a PNG within these for sRGB


def declared_profile(opened: Image.Image, data: bytes) -> tuple[bytes | None, bool]:
    """The ICC profile of a file's colours, None for sRGB; and whether the file embeds it, or it is made here, for RGB.

    The first of these that the file has counts: PNG's cICP chunk; an embedded profile, b"" where Pillow could not read
    it; PNG's sRGB chunk; its gAMA and cHRM chunks, unless they are sRGB within libpng's tolerance (PNG, third edition,
    4.3, has this order); AVIF's code points; EXIF's Adobe RGB, which cameras write without a profile (DCF 2.0).
    """
    info = opened.info
    if points := _code_points(data, b"\0\0\0\4cICP", ">BB", before=b"IDAT") if opened.format == "PNG" else None:
        return _profile_of_code_points(*points), False
    if "icc_profile" in info:
        return info["icc_profile"] or b"", True
    if opened.format == "PNG" and not info.keys().isdisjoint({"srgb", "gamma", "chromaticity"}):
        return _profile_of_png(info), False
    if opened.format == "JPEG2000" and (profile := _profile_in_jp2(data)) is not None:
        return profile, True
    if points := _code_points(data, b"\0\0\0\x13colrnclx", ">HH", before=b"mdat") if opened.format == "AVIF" else None:
        return _profile_of_code_points(*points), False
    if opened.mode not in ("CMYK", "LAB") and _is_adobe_rgb(opened):
        return matrix_profile(ADOBE_RGB_PRIMARIES, D65, ADOBE_RGB_GAMMA), False
    return None, False


def convert_to_srgb(image: Image.Image, profile: bytes) -> Image.Image | None:
    """An L, RGB, CMYK or LAB image of the ICC profile, converted to sRGB with perceptual intent.

    None where the profile is broken or for another colour space. Safe in threads: calls share nothing.
    """
    try:
        opened = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        if opened.profile.xcolor_space.strip() != SPACE_OF_MODE[image.mode]:
            return None
        srgb = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, opened, srgb, ImageCms.Intent.PERCEPTUAL, "RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):  # the bytes may be anything
        return None


def matrix_profile(primaries: Sequence[float], white: Sequence[float], gamma: float | None) -> bytes:
    """An ICC profile for RGB from x, y of red, green and blue; x, y of white; and gamma, None for sRGB's curve.

    Follows ICC.1:2010 (tables 18 and 65; annex E for the adaptation of white, by Bradford's matrix).
    """
    to_xyz = _adapted_to_d50(primaries, white)
    curve = (0, gamma) if gamma is not None else (3, 2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)
    parametric = struct.pack(">4sxxxxHxx", b"para", curve[0]) + _fixed(*curve[1:])
    tags = {b"wtpt": b"XYZ \0\0\0\0" + _fixed(*D50)}
    for name, column in zip(b"rgb", to_xyz.T.tolist(), strict=True):
        tags[bytes([name]) + b"XYZ"] = b"XYZ \0\0\0\0" + _fixed(*column)
        tags[bytes([name]) + b"TRC"] = parametric
    # The data of the tags follow the header (128 bytes), their count (4) and their table (12 bytes a tag).
    table, body, start = struct.pack(">I", len(tags)), b"", 128 + 4 + 12 * len(tags)
    for tag, content in tags.items():
        table += struct.pack(">4sII", tag, start + len(body), len(content))
        body += content
    size = start + len(body)
    header = struct.pack(">I4xI4s4s4s12x4s28x", size, 0x04200000, b"mntr", b"RGB ", b"XYZ ", b"acsp") + _fixed(*D50)
    return header.ljust(128, b"\0") + table + body


def _code_points(data: bytes, name: bytes, form: str, before: bytes) -> tuple[int, int] | None:
    """The codes of primaries and transfer that follow a length and a name in the head of a file."""
    offset = data.find(name, 0, data.find(before))
    return struct.unpack_from(form, data, offset + len(name)) if offset > 0 else None


def _profile_of_code_points(primaries: int, transfer: int) -> bytes | None:
    if transfer in HDR_CODES:
        return b""
    if primaries not in PRIMARIES_OF_CODE and transfer not in GAMMA_OF_CODE:
        return None
    return matrix_profile(PRIMARIES_OF_CODE.get(primaries, SRGB_PRIMARIES), D65, GAMMA_OF_CODE.get(transfer))


def _profile_in_jp2(data: bytes) -> bytes | None:
    """The ICC profile in the header of a JP2 file, which Pillow ignores."""
    boxes = BoxReader(io.BytesIO(data), len(data))
    try:
        while boxes.next_box_type() != b"jp2h":
            pass
        header = boxes.read_boxes()
        while header.next_box_type() != b"colr":
            pass
        method = header.read_fields(">Bxx")[0]
        profile = header.read_fields(f">{header.remaining_in_box}s")[0]
    except (SyntaxError, OSError):  # a bare code stream has no such box
        return None
    return (
        profile if method in (2, 3) and isinstance(profile, bytes) else None
    )  # 1 is a number instead: sRGB, gray or YCC


def _profile_of_png(info: Mapping[Any, Any]) -> bytes | None:
    if "srgb" in info:
        return None
    gamma, chromaticity = info.get("gamma"), info.get("chromaticity", (*D65, *SRGB_PRIMARIES))
    is_srgb = np.allclose(chromaticity, (*D65, *SRGB_PRIMARIES), rtol=0, atol=CHROMATICITY_TOLERANCE)
    if is_srgb and (not gamma or abs(gamma * 2.2 - 1) <= GAMMA_TOLERANCE):
        return None
    try:
        return matrix_profile(chromaticity[2:], chromaticity[:2], 1 / gamma if gamma else None)
    except (ArithmeticError, ValueError, struct.error):
        return b""  # values of no colour, such as a white without luminance, count as a broken profile


def _is_adobe_rgb(opened: Image.Image) -> bool:
    try:
        exif = opened.getexif()
        space = exif.get_ifd(ExifTags.IFD.Exif).get(ExifTags.Base.ColorSpace)
        index = exif.get_ifd(ExifTags.IFD.Interop).get(1)
    except Exception:  # damaged EXIF, which then declares nothing; Pillow raises nearly anything
        return False
    return space == 2 or (space == 0xFFFF and str(index).strip("\0 ") == "R03")


def _adapted_to_d50(primaries: Sequence[float], white: Sequence[float]) -> Matrix:
    """The matrix from linear RGB to XYZ, (3, 3), adapted to the white D50."""
    rgb = np.array([_xyz(x, y) for x, y in zip(primaries[::2], primaries[1::2], strict=True)]).T
    own_white = _xyz(*white)
    rgb = rgb * np.linalg.solve(rgb, own_white)
    gain = (BRADFORD @ D50) / (BRADFORD @ own_white)
    adapted: Matrix = np.linalg.solve(BRADFORD, gain[:, None] * (BRADFORD @ rgb))
    return adapted


def _xyz(x: float, y: float) -> Matrix:
    return np.array([x / y, 1.0, (1 - x - y) / y])


def _fixed(*values: float) -> bytes:
    """Numbers in ICC's s15Fixed16Number format."""
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))
