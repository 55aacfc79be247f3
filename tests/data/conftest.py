"""A cache of its own for every test of the data room, and images to put into it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from bench.config import DataConfig
from bench.data.dataset import Dataset, open_dataset

WriteImage = Callable[..., Path]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "cache"
    monkeypatch.setenv("BENCH_CACHE", str(folder))
    return folder


@pytest.fixture
def write_image() -> WriteImage:
    """write_image(path, seed, width, height): noise, so that no two windows of an image are alike."""

    def write(path: Path, seed: int = 0, width: int = 24, height: int = 20) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
        Image.fromarray(noise).save(path)
        return path

    return write


@pytest.fixture
def opened() -> Callable[..., Dataset]:
    """opened(folder, **fields): the folder as a data set of crops of 16 x 16 pixels, at one scale."""

    def opened(folder: Path, **fields: object) -> Dataset:
        given = {"name": "folder", "path": str(folder), "image_size": 16, "scales": (1.0,)}
        return open_dataset(DataConfig.model_validate(given | fields))

    return opened
