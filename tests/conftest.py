"""What several tests use: a study file to change, and the command line in a process of its own."""

from __future__ import annotations

import os
import subprocess
from functools import partial
from pathlib import Path

import pytest
from harness import Bench, Command, WriteStudy, small_study

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: spinning threads on shared cores are thirty times slower


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """bench("run", study, ...) in tmp_path, without a network."""
    offline = {
        "http_proxy": "http://127.0.0.1:9",
        "https_proxy": "http://127.0.0.1:9",
        "TORCH_HOME": str(tmp_path / "hub"),
    }

    def call(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
        return Command(tmp_path, *arguments, **offline, **environment).finish()

    return call


@pytest.fixture
def write_study(tmp_path: Path) -> WriteStudy:
    """write_study(axes=..., ...): `small_study` in tmp_path."""
    return partial(small_study, tmp_path)
