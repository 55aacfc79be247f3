"""What tests of the whole program share."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]
STUDIES = sorted((ROOT / "ablations").glob("*.yaml"))

QUIET = {"COLUMNS": "200"}

Bench = Callable[..., subprocess.CompletedProcess[str]]
WriteStudy = Callable[..., Path]
