"""`bench data`: what a data set holds, how it is split, and what is left out of it."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from bench.errors import InputError


def describe_data(
    name: Annotated[str, typer.Argument(metavar="photos|places365|PATH", help="A data set, or a folder.")] = "photos",
    image_size: Annotated[int, typer.Option(min=8, help="Side of the crops in pixels.")] = 64,
    download: Annotated[bool, typer.Option("--download", help="Fetch places365 (24 GB) through torchvision.")] = False,
) -> None:
    """Describe a data set: its photographs, its split, its fingerprint, and what was skipped."""
    from bench.config import DataConfig
    from bench.data.dataset import open_dataset
    from bench.report.tables.data_set import described_table

    if download:
        if name != "places365":
            raise InputError(f"--download fetches places365, not {name}")
        from bench.data.sources import download_places365

        try:
            download_places365("data/places365")
        except (OSError, RuntimeError) as error:
            raise InputError(f"--download: {error}") from None
    is_known = name in ("photos", "places365")
    config = DataConfig(
        name=name if is_known else "folder",  # type: ignore[arg-type]
        path=None if is_known else name,
        image_size=image_size,
    )
    Console(emoji=False).print(described_table(open_dataset(config).describe()), highlight=False)
