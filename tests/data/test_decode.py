"""Which files count, how large an image may be, and how many are decoded at a time."""

from __future__ import annotations

import hashlib
import os
import socket
import struct
import threading
import time
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from odd_images import DISPLAY_P3, chunk, encoded, png, rgb_profile, srgb_curve, with_chunks
from PIL import Image, ImageCms, UnidentifiedImageError

from bench.config import DataConfig
from bench.data import decode as decoding
from bench.data.dataset import open_dataset
from bench.data.decode import PIXELS_AT_ONCE, SUFFIXES, UNDECODABLE, decode, open_regular, read_regular


@pytest.fixture
def irregular(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "a.png"
    if request.param == "pipe":
        os.mkfifo(path)
    elif request.param == "socket":
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(path))
    elif request.param == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    return path


@pytest.mark.parametrize("irregular", ["pipe", "socket", "folder", "link to a device"], indirect=True)
def test_only_regular_files_are_opened(irregular):
    with pytest.raises(OSError, match="not a regular file"):
        read_regular(irregular)
    descriptors = len(os.listdir("/proc/self/fd"))
    with pytest.raises(OSError, match="not a regular file"):
        open_regular(irregular)
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_a_pipe_put_in_place_of_a_file_between_look_and_open_is_refused(tmp_path, monkeypatch):
    path, pipe = tmp_path / "a.png", tmp_path / "pipe"
    path.write_bytes(b"1")
    os.mkfifo(pipe)
    monkeypatch.setattr(os, "stat", lambda _, real=os.stat: real(path))  # as it was when it was looked at
    with pytest.raises(OSError, match="not a regular file"):
        open_regular(pipe)


def test_links_lead_to_regular_files(tmp_path):
    (tmp_path / "a.png").write_bytes(b"bytes")
    (tmp_path / "b.png").symlink_to(tmp_path / "a.png")
    assert read_regular(tmp_path / "b.png") == b"bytes"


def test_what_pillow_decodes_is_an_image_and_what_it_does_not_is_known_by_name():
    photographs = {".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".png", ".apng", ".webp", ".avif", ".gif", ".bmp", ".tif"}
    photographs |= {".tiff", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".tga", ".psd", ".qoi"}
    assert photographs <= SUFFIXES
    assert SUFFIXES.isdisjoint(
        {".pdf", ".eps", ".ps", ".ico", ".icns", ".cur", ".mpg", ".h5", ".fits", ".svg", ".xpm", ".wmf"}
    )
    assert Image.registered_extensions().keys() >= SUFFIXES
    assert SUFFIXES.isdisjoint(UNDECODABLE)
    assert UNDECODABLE[".heic"] == "HEIC needs the plug-in pillow-heif (`pip install pillow-heif`)"
    assert {".heif", ".jxl", ".dng", ".cr2", ".cr3", ".nef", ".arw"} <= UNDECODABLE.keys()


def test_heic_under_another_name_is_told_from_a_broken_file():
    with pytest.raises(ValueError, match="HEIC needs the plug-in pillow-heif"):
        decode(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", 8, (1.0,))
    with pytest.raises(UnidentifiedImageError):
        decode(b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom", 8, (1.0,))


def test_a_photograph_of_108_megapixels_is_decoded():
    side = 10_400
    decoded = decode(png(side, side, 1, 0, [b"\xff" * (side // 8)] * side), 8, (1.0,))
    assert decoded.levels[0][1].tolist() == np.full((8, 8, 3), 255).tolist()


@pytest.mark.parametrize(
    ("width", "height", "said"), [(25_000, 20_000, 500), (17_321, 17_321, 301), (1 << 30, 9, 9664)]
)
def test_more_is_refused_by_the_header(width, height, said):
    started = time.perf_counter()
    with pytest.raises(ValueError, match=f"^{said} megapixels; the most is 300$"):
        decode(png(width, height, 1, 0, []), 8, (1.0,))
    assert time.perf_counter() - started < 1


def test_no_more_large_images_are_decoded_at_a_time_than_fit():
    most, sizes = [], [60_000_000, 30_000_000, 200_000_000, 50_000_000, 12_000_000, 40_000_000, 108_000_000, 8_000_000]

    def decode_one(pixels: int) -> None:
        with decoding._room_for(pixels):
            most.append(list(decoding._decoding))
            time.sleep(0.02)

    threads = [threading.Thread(target=decode_one, args=(size,)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(size for size in sizes) == sorted(now[-1] for now in most)
    assert all(sum(now) <= PIXELS_AT_ONCE or len(now) == 1 for now in most)
    assert max(len(now) for now in most) > 1
    assert not decoding._decoding


def test_what_is_packed_small_and_unpacks_huge_does_not_hang():
    bomb = zlib.compress(bytes(1 << 28))  # 256 MiB in 256 KiB
    good = encoded(Image.new("RGB", (8, 8), "red"), "PNG")
    for name in (b"zTXt", b"iCCP"):
        started = time.perf_counter()
        with pytest.raises(ValueError, match="too large"):
            decode(with_chunks(good, chunk(name, b"name\0\0" + bomb)), 8, (1.0,))
        assert time.perf_counter() - started < 2


def test_long_texts_and_large_profiles_do_not_hide_an_image():
    profile = rgb_profile(DISPLAY_P3, srgb_curve())
    padded = struct.pack(">I", 3_000_000) + profile[4:].ljust(2_999_996, b"\0")
    data = encoded(Image.new("RGB", (8, 8), (255, 0, 0)), "PNG", icc_profile=padded)
    text = chunk(b"iTXt", b"workflow\0\1\0\0\0" + zlib.compress(b"x" * 5_000_000))
    assert decode(with_chunks(data, text), 8, (1.0,)).profile == "converted"


def test_the_first_decoding_of_a_set_and_a_later_one_agree_in_threads():
    photo = Image.fromarray(skimage.data.astronaut()).resize((64, 64))
    files = [encoded(photo.rotate(k), "PNG", icc_profile=rgb_profile(DISPLAY_P3, srgb_curve())) for k in range(60)]
    alone = [decode(data, 8, (1.0,)).content for data in files]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda data: decode(data, 8, (1.0,)).content, files * 4))
    assert together == alone * 4


def test_the_fingerprint_tells_pixels_that_changed_and_no_others(tmp_path):
    photos = [Image.fromarray(skimage.data.astronaut()).resize((32, 32)).rotate(20 * k) for k in range(3)]
    for split, which in (("train", photos[:2]), ("val", photos[2:])):
        (tmp_path / split).mkdir()
        for i, photo in enumerate(which):
            srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
            (tmp_path / split / f"{i}.png").write_bytes(encoded(photo, "PNG", icc_profile=srgb))
    config = DataConfig(name="folder", path=str(tmp_path), image_size=16)
    paths = sorted(tmp_path.rglob("*.png"))
    hashes = [(path.parent.name, hashlib.sha256(path.read_bytes()).hexdigest()) for path in paths]
    as_it_was = hashlib.sha256(repr(sorted(hashes)).encode()).hexdigest()[:16]
    assert open_dataset(config).fingerprint == as_it_was
    paths[0].write_bytes(encoded(photos[0], "PNG", icc_profile=rgb_profile(DISPLAY_P3, srgb_curve())))
    hashes[0] = ("train", hashlib.sha256(paths[0].read_bytes()).hexdigest(), "icc")
    assert open_dataset(config).fingerprint == hashlib.sha256(repr(sorted(hashes)).encode()).hexdigest()[:16]
