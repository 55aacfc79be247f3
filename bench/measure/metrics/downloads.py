"""Weights of pretrained networks: downloaded once a process, or the reason why they are missing."""

from __future__ import annotations

import functools
import http.client
import socket
from pathlib import Path

import torch

from bench.errors import first_line
from bench.measure.metrics import Unavailable

TIMEOUT_S = 10.0  # of one connection or read


def hub_path(url: str) -> Path:
    """Where torch.hub keeps the file of this URL."""
    return Path(torch.hub.get_dir(), "checkpoints", Path(url).name)


def fetch(name: str, url: str, path: Path) -> None:
    """Download the weights unless the file exists. Raises Unavailable with the reason and where to put the file."""
    if not path.exists() and (error := download(url, path)):
        raise Unavailable(
            f"{name} weights not present and not downloadable ({error}); put {path.name} into {shown(path.parent)}"
        )


@functools.cache
def download(url: str, path: Path) -> str | None:
    """Download `url` to `path`; returns None or the error, which is remembered for the rest of the process."""
    timeout = socket.getdefaulttimeout()
    socket.setdefaulttimeout(TIMEOUT_S)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # torchvision and torch-fidelity name their files <name>-<start of the sha256>.pth
        torch.hub.download_url_to_file(url, str(path), hash_prefix=path.stem.rpartition("-")[2], progress=False)
    except (OSError, http.client.HTTPException, RuntimeError) as error:  # RuntimeError: the sha256 differs
        return first_line(error)
    finally:
        socket.setdefaulttimeout(timeout)
    return None


def shown(path: Path) -> Path:
    """The path with ~ for the home folder, so that published reports do not name it."""
    return Path("~", path.relative_to(Path.home())) if path.is_relative_to(Path.home()) else path
