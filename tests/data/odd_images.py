"""Files written byte by byte, which no library here writes; colour profiles from published numbers; a photograph."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Sequence

import numpy as np
import skimage.data
from PIL import Image, ImageCms

from bench.data.decode import DecodedImage, decode

Array = np.ndarray

Colorants = Sequence[tuple[float, float, float]]
ADOBE_RGB: Colorants = [(0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457)]
DISPLAY_P3: Colorants = [(0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407)]
"""XYZ of red, green and blue below D50, as the profiles of Adobe and Apple have them."""


def encoded(image: Image.Image, format: str, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, format, **options)
    return file.getvalue()


def xyz(x: float, y: float, z: float) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(v * 65536) for v in (x, y, z)))


def gamma_curve(gamma: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(gamma * 256)) + b"\0\0"


def srgb_curve() -> bytes:
    """sRGB's own curve, as 1024 numbers: Display P3 has it too."""
    v = np.linspace(0, 1, 1024)
    linear = np.where(v > 0.04045, ((v + 0.055) / 1.055) ** 2.4, v / 12.92)
    return b"curv\0\0\0\0" + struct.pack(">I1024H", 1024, *np.rint(linear * 65535).astype(int).tolist())


def icc(space: bytes, tags: dict[bytes, bytes], kind: bytes = b"mntr", pcs: bytes = b"XYZ ") -> bytes:
    """A profile of version 2."""
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags.items():
        table += struct.pack(">4sII", name, 132 + 12 * len(tags) + len(body), len(content))
        body += content.ljust(-(-len(content) // 4) * 4, b"\0")
    head = struct.pack(">I4xI4s4s4s12x4s28x", 128 + len(table) + len(body), 0x02100000, kind, space, pcs, b"acsp")
    return (head + xyz(0.9642, 1.0, 0.8249)[8:]).ljust(128, b"\0") + table + body


def rgb_profile(colorants: Colorants, curve: bytes) -> bytes:
    tags = {b"wtpt": xyz(0.9642, 1.0, 0.8249)}
    for name, value in zip((b"r", b"g", b"b"), colorants, strict=True):
        tags[name + b"XYZ"], tags[name + b"TRC"] = xyz(*value), curve
    return icc(b"RGB ", tags)


def gray_profile(gamma: float) -> bytes:
    return icc(b"GRAY", {b"wtpt": xyz(0.9642, 1.0, 0.8249), b"kTRC": gamma_curve(gamma)})


def cmyk_profile() -> bytes:
    """Inks that are duller than pure cyan, magenta and yellow, as a table of 5 steps an ink to Lab."""
    steps = np.stack(np.meshgrid(*[np.linspace(0, 1, 5)] * 4, indexing="ij"), -1).reshape(-1, 4)
    inks = np.array([[0.0, 0.62, 0.9], [0.88, 0.1, 0.5], [0.98, 0.9, 0.05], [0.13, 0.12, 0.12]])
    paper = np.prod(1 - steps[:, :, None] * (1 - inks), 1)
    rgb = Image.fromarray(np.rint(paper * 255).astype(np.uint8)[None])
    lab = np.asarray(rgb.convert("LAB")) ^ np.array([0, 128, 128], np.uint8)  # 128 is 0 in an ICC table
    ramp = bytes(range(256))
    identity = struct.pack(">9i", *(65536 * (i % 4 == 0) for i in range(9)))
    table = b"mft1\0\0\0\0" + bytes([4, 3, 5, 0]) + identity + ramp * 4 + lab.tobytes() + ramp * 3
    return icc(b"CMYK", {b"wtpt": xyz(0.9642, 1.0, 0.8249), b"A2B0": table}, b"prtr", b"Lab ")


def chunk(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))


def png(width: int, height: int, depth: int, colour: int, rows: Sequence[bytes], *chunks: bytes) -> bytes:
    """Of packed rows; the chunks stand before the pixels."""
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body = chunk(b"IDAT", zlib.compress(b"".join(b"\0" + row for row in rows)))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(chunks) + body + chunk(b"IEND", b"")


def with_chunks(png: bytes, *chunks: bytes) -> bytes:
    return png[:33] + b"".join(chunks) + png[33:]


def packed(samples: np.ndarray, bits: int, order: str) -> bytes:
    """Gray (height, width) in TIFF's order: below 16 bits the highest bit first, each row filled up to a byte."""
    if bits == 16:
        return samples.astype(f"{order}u2").tobytes()
    places = (samples[..., None] >> np.arange(bits - 1, -1, -1)) & 1
    return np.packbits(places.reshape(len(samples), -1).astype(np.uint8), axis=1).tobytes()


def packbits(data: bytes) -> bytes:
    """TIFF's PackBits, without a run."""
    parts = [data[i : i + 128] for i in range(0, len(data), 128)]
    return b"".join(bytes([len(part) - 1]) + part for part in parts)


def tiff(samples: np.ndarray, bits: int, order: str, photometric: int, compression: int = 1, **tags: int) -> bytes:
    """Gray (height, width), in one strip. `order` is < or >; compression 1 none, 8 deflate, 32773 PackBits."""
    height, width = samples.shape
    strip = packed(samples, bits, order)
    strip = {1: bytes, 8: zlib.compress, 32773: packbits}[compression](strip)
    entries = {256: width, 257: height, 258: bits, 259: compression, 262: photometric, 273: 8, 277: 1, 278: height}
    entries |= {279: len(strip)} | {int(name[1:]): value for name, value in tags.items()}
    table = b"".join(
        struct.pack(f"{order}HHI", tag, 4, 1) + struct.pack(f"{order}I", value)
        for tag, value in sorted(entries.items())
    )
    start = 8 + len(strip) + len(strip) % 2
    head = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, start)
    return (head + strip).ljust(start, b"\0") + struct.pack(f"{order}H", len(entries)) + table + bytes(4)


def jp2_with_profile(jp2: bytes, profile: bytes) -> bytes:
    """Its colour box, of 15 bytes, replaced by one with a profile; it lies in the box jp2h."""
    start, box = jp2.index(b"colr") - 4, struct.pack(">I4sBBB", 11 + len(profile), b"colr", 2, 0, 0) + profile
    outer = jp2.index(b"jp2h") - 4
    (size,) = struct.unpack_from(">I", jp2, outer)
    grown = struct.pack(">I", size + len(box) - 15)
    return jp2[:outer] + grown + jp2[outer + 4 : start] + box + jp2[start + 15 :]


WIDTH, HEIGHT = 48, 40
P3, ADOBE = rgb_profile(DISPLAY_P3, srgb_curve()), rgb_profile(ADOBE_RGB, gamma_curve(563 / 256))
GRAY_18, INKS = gray_profile(1.8), cmyk_profile()
PHOTO = Image.fromarray(skimage.data.astronaut()[20:220, 120:360]).resize((WIDTH, HEIGHT))
RGB, GRAY, CMYK = np.asarray(PHOTO), np.asarray(PHOTO.convert("L")), np.asarray(PHOTO.convert("CMYK"))
PALETTE = PHOTO.quantize(50)


def read(data: bytes) -> DecodedImage:
    return decode(data, HEIGHT, (1.0,))


def pixels(data: bytes) -> Array:
    return read(data).levels[0][1]


def in_srgb(image: Image.Image | Array, profile: bytes) -> Array:
    """By ImageCms, with perceptual intent."""
    image = image if isinstance(image, Image.Image) else Image.fromarray(image)
    source, target = ImageCms.ImageCmsProfile(io.BytesIO(profile)), ImageCms.createProfile("sRGB")
    return np.asarray(ImageCms.profileToProfile(image, source, target, ImageCms.Intent.PERCEPTUAL, "RGB"))


def image_of(mode: str, array: Array) -> Image.Image:
    return Image.frombytes(mode, (WIDTH, HEIGHT), array.tobytes())


def as_loaded(data: bytes) -> Image.Image:
    """What a lossy file's pixels are before its profile counts."""
    return Image.open(io.BytesIO(data))


def thrice(gray: Array) -> Array:
    return np.repeat(gray[..., None], 3, 2)
