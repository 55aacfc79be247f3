"""The scales that a study can be run at: the config values and the number of seeds of each."""

from __future__ import annotations

from typing import Any, Literal

ScaleName = Literal["tiny", "small", "paper"]

SCALES: dict[ScaleName, dict[str, Any]] = {
    "tiny": {
        "data": {"image_size": 64, "val_images": 4},
        "tiling": {"grid": 2},
        "generator": {"width": 8},
        "discriminator": {"width": 8},
        "train": {"steps": 20, "batch_size": 4, "pretrain_steps": 5, "validations": 4},
    },
    "small": {
        "data": {"image_size": 64, "val_images": 32},
        "tiling": {"grid": 2},
        "generator": {"width": 16},
        "discriminator": {"width": 16},
        "train": {"steps": 200, "batch_size": 16, "pretrain_steps": 50},
    },
    "paper": {},  # RunConfig's defaults
}
"""What each scale changes of RunConfig's defaults."""
SEEDS: dict[ScaleName, int] = {"tiny": 2, "small": 6, "paper": 6}
"""The number of seeds of a study that gives none."""
