"""Progress on the terminal: a bar for all runs and one for each run at work, with the time that is left."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as Eta

from bench.executors import Job
from bench.study import Run

MARKS = {"done": "[green]done[/]", "diverged": "[yellow]diverged[/]", "failed": "[red]failed[/]"}
TRAINING_SHARE = 0.85  # of a run's time, roughly; the rest is measuring and scoring


class Display:
    """Shows what `tell` is told, inside a `with`. Without a terminal it prints a line when a run ends."""

    def __init__(self, console: Console, jobs: Sequence[Job]) -> None:
        self.runs = {run.id: run for run, _ in jobs}
        self.bars: dict[str, TaskID] = {}
        self.ended = self.count = 0
        columns = [TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[shown]}")]
        self.progress = Progress(*columns, TimeElapsedColumn(), Eta(), console=console, transient=True)
        self.total = self.progress.add_task("", total=1, shown="")

    def begin(self, what: str, count: int) -> None:
        """Start counting to `count` runs."""
        self.ended, self.count = 0, count
        self.progress.reset(self.total, description=what, total=count, shown=f"0/{count}")

    def __enter__(self) -> Display:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def tell(self, run_id: str, phase: str, fraction: float) -> None:
        """A run's news: what it does, and the share of it that is done."""
        run = self.runs[run_id]
        if run_id not in self.bars:
            self.bars[run_id] = self.progress.add_task(escape(name(run)), total=1.0, shown="")
        shown = _steps(run, fraction) if phase == "train" else phase
        self.progress.update(self.bars[run_id], completed=fraction if phase == "train" else 1.0, shown=shown)
        shares = [(self.progress.tasks[self._index(bar)].completed or 0) * TRAINING_SHARE for bar in self.bars.values()]
        self.progress.update(self.total, completed=self.ended + sum(shares))

    def _index(self, bar: TaskID) -> int:
        return self.progress.task_ids.index(bar)

    def end(self, run: Run, state: str, reason: str) -> None:
        """A run ended, or its measuring did, which is told only if it failed."""
        self.ended += 1
        bar = self.bars.pop(run.id, None)
        if bar is not None:
            self.progress.remove_task(bar)
        self.progress.update(self.total, completed=self.ended, shown=f"{self.ended}/{self.count}")
        if state == "measured":
            return
        note = f": {reason}" if reason else ""
        self.progress.print(f"{MARKS.get(state, state)} {escape(name(run) + note)}", highlight=False)


def name(run: Run) -> str:
    """As people speak of it: `max_pool, seed 2`."""
    return f"{run.label}, seed {run.config.seed}"


def _steps(run: Run, fraction: float) -> str:
    train = run.config.train
    if train.seconds is not None:
        return f"{fraction * train.seconds:.0f}/{train.seconds:.0f} s"
    if train.images is not None:
        return f"{fraction * train.images:.0f}/{train.images} images"
    assert train.steps is not None
    return f"step {fraction * train.steps:.0f}/{train.steps}"
