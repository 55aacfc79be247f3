"""What tests of the whole program share."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[1]
STUDIES = sorted((ROOT / "ablations").glob("*.yaml"))

QUIET = {"COLUMNS": "200"}

Bench = Callable[..., subprocess.CompletedProcess[str]]
WriteStudy = Callable[..., Path]


def small_study(folder: Path, name: str = "study", **changes: object) -> Path:
    """The pooling study with some keys replaced (None: left out), as small as it gets."""
    content = yaml.safe_load((ROOT / "ablations" / "pooling.yaml").read_text())
    content |= {"seeds": 1, "baselines": [], "metrics": ["psnr", "colorfulness"], "hypotheses": []} | changes
    path = folder / f"{name}.yaml"
    path.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}, sort_keys=False))
    return path
