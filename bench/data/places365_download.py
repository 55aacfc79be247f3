"""Downloads Places365's small images through torchvision; apart from sources.py, so that listing needs no torch."""

from __future__ import annotations


def download_places365(root: str) -> None:
    """Fetch and unpack train-standard (24 GB) and val (0.5 GB) below `root`; what is there already is kept.

    Raises OSError or RuntimeError where the download or its checksum fails.
    """
    from pathlib import Path

    from torchvision.datasets import Places365

    Path(root).mkdir(parents=True, exist_ok=True)
    Places365(root, split="train-standard", small=True, download=True)
    Places365(root, split="val", small=True, download=True)
