"""What bytes become which pixels: each encoding against what a viewer shows, worked out without the decoder."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from bench.data.decode import open_regular, read_regular


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
