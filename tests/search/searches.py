"""The content of the search file that the tests of this folder change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

WriteSearch = Callable[..., Path]

CONTENT: dict[str, Any] = {
    "title": "a search",
    "question": "which?",
    "base": {"train": {"steps": 10, "validations": 5, "pretrain_steps": 0}, "generator": {"width": 4}},
    "space": {"train.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}, "loss.adversarial": ["bce", "l2"]},
    "objectives": "psnr",
    "trials": 3,
    "confirm": {"seeds": 1},
}
