"""The options and arguments that commands share, each declared once with its help text."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from bench.scales import ScaleName

GRACE_SECONDS, HANG_SECONDS = 60, 1800

_STUDIES = "Study files or names of shipped studies, then overrides by dotted path, such as train.steps=500."

Studies = Annotated[list[str], typer.Argument(metavar="STUDY|KEY=VALUE", help=_STUDIES)]
AnyStudies = Annotated[list[str] | None, typer.Argument(metavar="STUDY|KEY=VALUE", help=_STUDIES)]
Scale = Annotated[
    ScaleName,
    typer.Option(help="Size of the models and the budget: tiny (seconds), small (minutes on a laptop) or paper."),
]
Data = Annotated[
    str | None, typer.Option(metavar="photos|places365|PATH", help="A data set by name, or a folder of images.")
]
Runs = Annotated[Path, typer.Option(metavar="DIR", help="Folder of the run store.")]
Reports = Annotated[Path, typer.Option(metavar="DIR", help="Folder that holds the reports.")]
Pictures = Annotated[
    bool,
    typer.Option(
        "--pictures/--no-pictures",
        help="Put sample pictures into the report, or leave them out where the images may not be shared.",
    ),
]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N; auto takes CUDA where there is a GPU.")]
Threads = Annotated[int, typer.Option(min=1, help="CPU threads of each process.")]
Workers = Annotated[
    int | None,
    typer.Option(min=1, show_default="as many as the cores allow; 1 on CUDA", help="Runs or trials at a time."),
]
Grace = Annotated[
    float,
    typer.Option(min=1, metavar="SECONDS", help="Silence after which the work of another machine is taken over."),
]
HangAfter = Annotated[
    float, typer.Option(min=1, metavar="SECONDS", help="Time without progress after which a run counts as hung.")
]
MaxRuns = Annotated[
    int | None,
    typer.Option("--max-runs", min=1, metavar="N", show_default="1,000", help="The most runs that a study may have."),
]
CheckpointEvery = Annotated[float, typer.Option(min=0, metavar="SECONDS", help="Time between checkpoints.")]
ExecutorName = Annotated[
    Literal["local", "ray"], typer.Option(help="local: processes on this machine; ray: the nodes of a Ray cluster.")
]
Address = Annotated[
    str | None,
    typer.Option(
        metavar="auto|HOST:PORT", show_default="a new one on this machine alone", help="Address of the Ray cluster."
    ),
]
Storage = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Where a search keeps its trials: sqlite:///FILE, postgresql+psycopg://..., mysql+pymysql://..., or the "
        "path of a journal; machines that name the same one share the trials.",
        show_default="a journal in the run store",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON.")]
