"""The cache: which files are decoded or skipped; it is built once, and repaired."""

from __future__ import annotations

import errno
import io
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from odd_images import png
from PIL import Image

from bench.data.cache import Decoded, cache_root, open_decoded
from bench.data.decode import decode
from bench.data.files import ImageFile, Skipped
from bench.errors import InputError, Unreadable

REPOSITORY = Path(__file__).parents[2]


def files(*paths: Path) -> list[ImageFile]:
    return [ImageFile(path.name, path) for path in paths]


def pixels_of(decoded: Decoded, name: str, level: int = 0) -> np.ndarray:
    lv = next(p for p in decoded.photos if p.name == name).levels[level]
    return decoded.pixels[lv.offset : lv.offset + lv.height * lv.width * 3].reshape(lv.height, lv.width, 3)


def encoded(image: Image.Image, **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


@pytest.fixture
def pair(tmp_path, write_image) -> list[ImageFile]:
    return files(write_image(tmp_path / "a.png", 1), write_image(tmp_path / "b.png", 2))


def test_levels_have_the_short_sides_asked_for_and_are_never_enlarged(tmp_path, write_image):
    image = Image.open(write_image(tmp_path / "a.png", 1, width=30, height=16))
    levels = decode((tmp_path / "a.png").read_bytes(), 8, (1.0, 1.5, 2.0, 4.0)).levels
    assert [(scale, pixels.shape) for scale, pixels in levels] == [
        (1.0, (8, 15, 3)),
        (1.5, (12, 22, 3)),  # 22.5 rounded to even
        (2.0, (16, 30, 3)),
    ]
    np.testing.assert_array_equal(levels[0][1], image.resize((15, 8), Image.Resampling.LANCZOS))
    np.testing.assert_array_equal(levels[2][1], image)  # the native size is kept as it is


def test_gray_alpha_palette_and_16_bits_become_rgb():
    def first(image: Image.Image, **options: object) -> list[int]:
        return decode(encoded(image, **options), 8, (1.0,)).levels[0][1][0, 0].tolist()

    palette = Image.new("P", (8, 8), 1)
    palette.putpalette([0, 0, 0, 10, 20, 30])
    assert first(Image.new("L", (8, 8), 77)) == [77, 77, 77]
    assert first(palette) == [10, 20, 30]
    assert first(palette, transparency=1) == [255, 255, 255]
    assert first(Image.new("RGBA", (8, 8), (10, 20, 30, 0))) == [255, 255, 255]
    assert first(Image.new("RGBA", (8, 8), (255, 0, 0, 51))) == [255, 204, 204]  # a fifth of red over white
    assert first(Image.new("LA", (8, 8), (0, 255))) == [0, 0, 0]
    assert first(Image.fromarray(np.full((8, 8), 0x4DFF, np.uint16))) == [0x4D, 0x4D, 0x4D]


def test_the_cameras_orientation_is_applied():
    image = Image.new("RGB", (16, 8), "red")
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees
    assert decode(encoded(image, exif=exif), 8, (1.0,)).levels[0][1].shape == (16, 8, 3)


def test_bad_files_are_skipped_with_their_reason(tmp_path, write_image):
    good = write_image(tmp_path / "good.png", 1)
    text, small, huge = tmp_path / "text.png", write_image(tmp_path / "small.png", 3, 9, 7), tmp_path / "huge.png"
    text.write_text("not an image")
    cut = tmp_path / "cut.png"
    cut.write_bytes(good.read_bytes()[:400])
    broken_link = tmp_path / "link.png"
    broken_link.symlink_to("nowhere.png")
    os.mkfifo(pipe := tmp_path / "pipe.png")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(bound_to := tmp_path / "s.png"))
    huge.write_bytes(png(25_000, 20_000, 8, 2, []))
    given = files(good, text, small, huge, cut, tmp_path / "gone.png", broken_link, pipe, bound_to, Path("/dev/zero"))
    for _ in range(2):  # decoded, then from the cache
        decoded = open_decoded(given, 8, (1.0, 2.0))
        assert [p.name for p in decoded.photos] == ["good.png"]
        reasons = {s.name: s.reason for s in decoded.skipped}
        assert "truncated" in reasons.pop("cut.png")
        assert reasons == {
            "gone.png": "cannot be read (No such file or directory)",
            "link.png": "cannot be read (a link to a file that is not there)",
            "pipe.png": "cannot be read (not a regular file)",
            "s.png": "cannot be read (not a regular file)",
            "zero": "cannot be read (not a regular file)",
            "huge.png": "500 megapixels; the most is 300",
            "small.png": "smaller than data.image_size (9x7 < 8)",
            "text.png": "not an image that Pillow can read",
        }


@pytest.mark.parametrize("number", [errno.EMFILE, errno.ESTALE])
def test_a_machine_short_of_something_leaves_no_image_out(pair, monkeypatch, number):
    opened = os.open

    def refuse(path, *arguments, **more):
        if os.fspath(path).endswith("a.png"):
            raise OSError(number, os.strerror(number))
        return opened(path, *arguments, **more)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(Unreadable, match=rf"a\.png: cannot be read \({os.strerror(number)}\)"):
        open_decoded(pair, 8, (1.0,))


def test_no_level_fits(tmp_path, write_image):
    given = files(write_image(tmp_path / "a.png", 1, 12, 10), write_image(tmp_path / "b.png", 2))
    assert open_decoded(given, 8, (1.5,)).skipped == [
        Skipped("a.png", "smaller than the smallest of data.scales (12x10 < 12)")
    ]


def test_the_second_open_decodes_nothing(pair, cache):
    first = open_decoded(pair, 8, (1.0, 2.0))
    (file,) = cache.glob("data/*/pixels.bin")
    written = file.stat()
    second = open_decoded(pair, 8, (1.0, 2.0))
    assert (file.stat().st_mtime_ns, file.stat().st_ino) == (written.st_mtime_ns, written.st_ino)
    assert (second.photos, second.skipped) == (first.photos, first.skipped)
    np.testing.assert_array_equal(second.pixels, first.pixels)
    assert not second.pixels.flags.writeable
    np.testing.assert_array_equal(pixels_of(second, "a.png", 0).shape, (8, 10, 3))


def test_size_scales_and_content_have_entries_of_their_own_names_and_splits_do_not(pair, cache, write_image):
    open_decoded(pair, 8, (1.0,))
    open_decoded([ImageFile("other", file.path, "val") for file in reversed(pair)], 8, (1.0,))
    assert len(list(cache.glob("data/*/pixels.bin"))) == 1
    open_decoded(pair, 9, (1.0,))
    open_decoded(pair, 8, (1.0, 2.0))
    write_image(pair[1].path, 3)
    open_decoded(files(*(file.path for file in pair)), 8, (1.0,))
    assert len(list(cache.glob("data/*/pixels.bin"))) == 4


def test_copies_of_a_file_are_decoded_once(pair, tmp_path):
    shutil.copy(pair[0].path, tmp_path / "copy.png")
    once, twice = open_decoded(pair, 8, (1.0,)), open_decoded([*pair, *files(tmp_path / "copy.png")], 8, (1.0,))
    assert sorted(photo.name for photo in twice.photos) == ["a.png", "b.png", "copy.png"]
    assert len(twice.pixels) == len(once.pixels)


@pytest.mark.parametrize("damage", ["json", "field", "lacks", "short", "long", "gone"])
def test_a_damaged_entry_is_rebuilt(pair, cache, damage):
    before = open_decoded(pair, 8, (1.0,))
    good = before.pixels.copy()
    (entry,) = (p for p in cache.glob("data/*") if p.is_dir())
    index, pixels = entry / "index.json", entry / "pixels.bin"
    if damage == "json":
        index.write_text(index.read_text()[:-5])
    elif damage == "field":
        index.write_text(json.dumps({"photos": {file.sha256: {"kin": 0} for file in pair}, "skipped": {}}))
    elif damage == "lacks":
        index.write_text(json.dumps({"photos": {}, "skipped": {}}))
    elif damage == "gone":
        pixels.unlink()
    else:
        pixels.write_bytes(pixels.read_bytes()[:-1] if damage == "short" else pixels.read_bytes() + b"0")
    after = open_decoded(pair, 8, (1.0,))
    assert after.photos == before.photos
    np.testing.assert_array_equal(after.pixels, good)
    np.testing.assert_array_equal(np.fromfile(pixels, np.uint8), good)
    assert not list(cache.glob("data/*.partial"))


def test_two_processes_build_one_entry(tmp_path, write_image, cache):
    for i in range(40):
        write_image(tmp_path / "images" / f"{i}.png", i, 80, 60)
    code = (
        "import sys; from bench.config import DataConfig; from bench.data.dataset import open_dataset\n"
        "print(open_dataset(DataConfig(name='folder', path=sys.argv[1], image_size=16)).fingerprint)"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "images")]
    both = [subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = [process.communicate()[0] for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert printed[0] == printed[1]
    assert len([p for p in cache.glob("data/*") if p.is_dir()]) == 1


def test_a_cache_that_cannot_be_written_is_named(pair, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("BENCH_CACHE", str(tmp_path / "file"))
    with pytest.raises(InputError, match=r"the cache folder .*/file cannot be written .*BENCH_CACHE"):
        open_decoded(pair, 8, (1.0,))


def test_a_file_that_changes_after_it_was_hashed_is_an_error(pair, cache, write_image):
    assert pair[0].sha256  # remembered
    write_image(pair[0].path, 9)
    with pytest.raises(InputError, match=r"a.png changed"):
        open_decoded(pair, 8, (1.0,))
    assert not [p for p in cache.glob("data/*") if p.is_dir()]


def test_where_the_cache_is(monkeypatch):
    monkeypatch.delenv("BENCH_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/xdg")
    assert cache_root() == Path("/xdg/gan-bench")
    monkeypatch.setenv("XDG_CACHE_HOME", "")
    assert cache_root() == Path.home() / ".cache/gan-bench"
