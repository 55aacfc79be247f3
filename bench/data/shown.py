"""An image that Pillow opened, converted to what a viewer shows: upright, over white, in 8-bit sRGB."""

from __future__ import annotations

from typing import Literal

import numpy as np
from PIL import ExifTags, Image, ImageChops, ImageOps, TiffImagePlugin

from bench.data.srgb import convert_to_srgb, declared_profile

Profile = Literal["none", "converted", "broken"]
"""The fate of a file's colour profile: there is none; the colours were converted to sRGB; it could not be used."""
NEVER_INVERTED = {"I;12", "I;16", "I;16B", "I;16N", "I;16R"}
"""Raw modes of gray TIFF that Pillow does not invert where 0 is white; those of 1 to 8 bits it does."""
# Pillow can read 12- and 16-bit gray, but its table lacks these byte orders and photometric interpretations.
for _order in (b"II", b"MM"):
    for _photometric in (0, 1):
        _wide = "I;16" if _order == b"II" else "I;16B"
        TiffImagePlugin.OPEN_INFO.setdefault((_order, _photometric, (1,), 1, (12,), ()), ("I;16", "I;12"))
        TiffImagePlugin.OPEN_INFO.setdefault((_order, _photometric, (1,), 1, (16,), ()), (_wide, _wide))


def as_shown(opened: Image.Image, data: bytes) -> tuple[Image.Image, Profile, str]:
    """RGB; the fate of the profile; and the conversions beyond Pillow's own, joined by +.

    `data` are the file's bytes. Changes `opened`. Raises ValueError for 32-bit modes, whose range is not known, and
    whatever Pillow raises on a damaged file.
    """
    colours, alpha, conversions = _colours(opened)
    declared, is_embedded = declared_profile(opened, data)
    rgb = colours if colours.mode == "RGB" else colours.convert("RGB")
    plain = _over_white(rgb, alpha)
    if declared is None:
        return plain, "none", "+".join(conversions)
    # An embedded profile is for the file's own mode, one that is made here for RGB.
    srgb = convert_to_srgb(colours if is_embedded else rgb, declared)
    if srgb is None:
        return plain, "broken", "+".join(conversions)
    shown = _over_white(srgb, alpha)
    if ImageChops.difference(plain, shown).getbbox():
        conversions.append("icc")
    return shown, "converted", "+".join(conversions)


def _colours(opened: Image.Image) -> tuple[Image.Image, Image.Image | None, list[str]]:
    """L, RGB, CMYK or LAB, upright; the opacity as L; and the conversions that Pillow does not do by itself."""
    _check_planes(opened)
    rawmode = _rawmode(opened)  # before the pixels are loaded
    is_scaled = _scale_clear_colour(opened, rawmode)
    is_negative = rawmode in NEVER_INVERTED and _white_is_zero(opened)
    _turn_upright(opened)
    is_deep = opened.mode.startswith("I;16") or (opened.mode == "I" and opened.format == "PPM")  # its I has 16 bits
    if is_deep:
        colours, opacity = _from_16_bits(opened, 12 if rawmode == "I;12" else 16)
        colours = ImageOps.invert(colours) if is_negative else colours
    else:
        colours, opacity = _eight_bits(opened), _opacity(opened)
    is_cleared = (is_scaled or is_deep) and opacity is not None and opacity.getextrema()[0] == 0
    conversions = {"12 bits": rawmode == "I;12", "negative": is_negative, "transparency": is_cleared}
    return colours, opacity, [name for name, is_done in conversions.items() if is_done]


def _scale_clear_colour(opened: Image.Image, rawmode: str) -> bool:
    """Scale PNG's one transparent colour to 8 bits; Pillow scales the pixels and not the colour. Whether it changed."""
    clear = opened.info.get("transparency")
    if rawmode in ("L;2", "L;4") and isinstance(clear, int):
        opened.info["transparency"] = clear * 255 // (3 if rawmode == "L;2" else 15)
    elif rawmode == "RGB;16B" and isinstance(clear, tuple):
        opened.info["transparency"] = tuple(value >> 8 for value in clear)
    return bool(opened.info.get("transparency") != clear)


def _from_16_bits(opened: Image.Image, bits: int) -> tuple[Image.Image, Image.Image | None]:
    """The highest 8 bits of gray with `bits` bits, and the opacity where one value is transparent."""
    values, clear = np.asarray(opened), opened.info.get("transparency")
    opacity = np.where(values == clear, 0, 255).astype(np.uint8) if isinstance(clear, int) else None
    gray = Image.fromarray((values >> (bits - 8)).astype(np.uint8))
    return gray, None if opacity is None else Image.fromarray(opacity)


def _rawmode(opened: Image.Image) -> str:
    """Pillow's name for the layout of the pixels in the file; it is known until they are loaded."""
    tiles = getattr(opened, "tile", [])
    arguments = tiles[0].args if tiles else ""
    return str(arguments[0] if isinstance(arguments, tuple) and arguments else arguments)


def _check_planes(opened: Image.Image) -> None:
    """Raise ValueError for a TIFF of which Pillow would read wrong pixels: 16 bits in separate planes."""
    if isinstance(opened, TiffImagePlugin.TiffImageFile) and opened.info.get("compression") == "raw":
        tags = opened.tag_v2
        if tags.get(ExifTags.Base.PlanarConfiguration) == 2 and max(tags.get(ExifTags.Base.BitsPerSample, (1,))) > 8:
            raise ValueError("16 bits in a plane a channel, not compressed; save it with its channels interleaved")


def _white_is_zero(opened: Image.Image) -> bool:
    return (
        isinstance(opened, TiffImagePlugin.TiffImageFile)
        and opened.tag_v2.get(ExifTags.Base.PhotometricInterpretation) == 0
    )


def _turn_upright(opened: Image.Image) -> None:
    opened.load()
    try:
        ImageOps.exif_transpose(opened, in_place=True)
    except MemoryError:
        raise
    except Exception:  # damaged EXIF, which viewers ignore; Pillow raises nearly anything
        return


def _eight_bits(image: Image.Image) -> Image.Image:
    """L, RGB, CMYK or LAB. Raises ValueError for 32-bit modes."""
    if image.mode in ("I", "F"):
        raise ValueError(f"32-bit pixels (mode {image.mode}); save it with 8 bits a channel")
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image
    if image.mode == "La":
        image = image.convert("LA")
    return image.convert("L" if image.mode in ("1", "LA") else "RGB")


def _opacity(image: Image.Image) -> Image.Image | None:
    if not image.has_transparency_data:
        return None
    if image.mode == "La":
        image = image.convert("LA")
    return (image if image.mode in ("LA", "RGBA") else image.convert("RGBA")).getchannel("A")


def _over_white(image: Image.Image, opacity: Image.Image | None) -> Image.Image:
    if opacity is None:
        return image
    image = image.convert("RGBA")
    image.putalpha(opacity)
    return Image.alpha_composite(Image.new("RGBA", image.size, "white"), image).convert("RGB")
