"""Progress on the terminal: a bar for all runs and one for each running run, with the time that is left."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as Eta

from bench.study.study import Job, Run

MARKS = {
    "done": "[green]done[/]",
    "diverged": "[yellow]diverged[/]",
    "pruned": "[yellow]pruned[/]",
    "failed": "[red]failed[/]",
    "left as it is": "[red]left as it is[/]",
}
TRAINING_SHARE = 0.85  # training's rough share of a run's time; the rest is scoring


class Bars:
    """A bar for the whole and one for each run or trial at work, inside a `with`; they vanish when it ends."""

    def __init__(self, console: Console, description: str, total: int) -> None:
        self.bars: dict[str, TaskID] = {}
        self.lock = threading.Lock()
        columns = [TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[shown]}")]
        self.progress = Progress(*columns, TimeElapsedColumn(), Eta(), console=console, transient=True)
        self.total = self.progress.add_task(description, total=total, shown="")

    def __enter__(self) -> Self:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()


class Display(Bars):
    """Shows the news that `tell` receives, inside a `with`. Without a terminal it prints one line when a run ends."""

    def __init__(self, console: Console, jobs: Sequence[Job]) -> None:
        super().__init__(console, "", total=1)
        self.runs = {run.id: run for run, _ in jobs}
        self.shares: dict[str, float] = {}
        self.over: set[str] = set()
        self.count = 0

    def begin(self, activity: str, count: int) -> None:
        """Start counting to `count` runs."""
        self.over, self.count = set(), count
        self.progress.reset(self.total, description=activity, total=count, shown=f"0/{count}")

    def tell(self, run_id: str, phase: str, fraction: float) -> None:
        """A run's phase and the share of the phase that is done. Workers' news come in another thread, and may come
        after the end of their run."""
        with self.lock:
            if run_id in self.over:
                return
            run = self.runs[run_id]
            if run_id not in self.bars:
                self.bars[run_id] = self.progress.add_task(escape(name(run)), total=1.0, shown="")
            share = fraction if phase == "train" else 1.0
            shown = _steps(run, fraction) if phase == "train" else phase
            self.shares[run_id] = TRAINING_SHARE * share
            self.progress.update(self.bars[run_id], completed=share, shown=shown)
            self.progress.update(self.total, completed=len(self.over) + sum(self.shares.values()))

    def note(self, run: Run, text: str) -> None:
        """Print an event of a run, such as damage or a take-over."""
        self.progress.print(f"[dim]{escape(name(run))}: {escape(text)}[/]", highlight=False)

    def end(self, run: Run, state: str, reason: str) -> None:
        """A run ended, or its measuring did; successful measuring prints nothing."""
        with self.lock:
            self.over.add(run.id)
            self.shares.pop(run.id, None)
            if run.id in self.bars:
                self.progress.remove_task(self.bars.pop(run.id))
            self.progress.update(self.total, completed=len(self.over), shown=f"{len(self.over)}/{self.count}")
        if state != "measured":
            note = f": {reason}" if reason else ""
            self.progress.print(f"{MARKS.get(state, state)} {escape(name(run) + note)}", highlight=False)


def name(run: Run) -> str:
    """The run for people: `max_pool, seed 2`."""
    return f"{run.label}, seed {run.config.seed}"


def _steps(run: Run, fraction: float) -> str:
    train = run.config.train
    if train.seconds is not None:
        return f"{fraction * train.seconds:.0f}/{train.seconds:.0f} s"
    if train.images is not None:
        return f"{fraction * train.images:.0f}/{train.images} images"
    if train.flops is not None:
        return f"{fraction * train.flops:.3g}/{train.flops:.3g} FLOPs"
    assert train.steps is not None
    return f"step {fraction * train.steps:.0f}/{train.steps}"
