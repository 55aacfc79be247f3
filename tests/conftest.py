"""What several tests use: a study file to change, and the command line in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from harness import QUIET, ROOT, Bench, WriteStudy

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
        return subprocess.run(
            [sys.executable, "-m", "bench", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, **offline, **QUIET, **environment},
            capture_output=True,
            text=True,
        )

    return call


@pytest.fixture
def write_study(tmp_path: Path) -> WriteStudy:
    """write_study(axes=..., ...): the pooling study with some keys replaced (None: left out), as small as it gets."""

    def write(name: str = "study", **changes: object) -> Path:
        content = yaml.safe_load((ROOT / "ablations" / "pooling.yaml").read_text())
        content |= {"seeds": 1, "baselines": [], "metrics": ["psnr", "colorfulness"], "hypotheses": []} | changes
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}, sort_keys=False))
        return path

    return write
