"""Progress of a search on the terminal: trials that ended, the best so far, what is at work, the time that is left."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from types import TracebackType

from optuna.trial import FrozenTrial
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.progress import TimeRemainingColumn as Eta

from bench.measure.metrics import METRICS
from bench.runs.progress import MARKS
from bench.search.objectives import Objective
from bench.search.search import Search
from bench.search.trials import outcomes, record_of

UNTRAINED = ("infeasible", "invalid")
COUNTED = ("complete", "pruned", "diverged", "failed", "infeasible", "invalid")
QUIET = ("running", "lost", *UNTRAINED)


class SearchDisplay:
    """Shows trials inside a `with`. Without a terminal it prints a line when a trial ends."""

    def __init__(self, console: Console, search: Search) -> None:
        self.search = search
        self.bars: dict[str, TaskID] = {}
        self.said: set[int] | None = None
        self.lock = threading.Lock()
        columns = [TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[shown]}")]
        self.progress = Progress(*columns, TimeElapsedColumn(), Eta(), console=console, transient=True)
        self.total = self.progress.add_task("trials", total=search.file.trials, shown="")

    def __enter__(self) -> SearchDisplay:
        self.progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.progress.stop()

    def tell(self, name: str, phase: str, share: float) -> None:
        """A run's news."""
        with self.lock:
            if name not in self.bars:
                self.bars[name] = self.progress.add_task(escape(name), total=1.0, shown="")
            done = share if phase == "train" else 1.0
            self.progress.update(self.bars[name], completed=done, shown=f"{done:.0%}" if phase == "train" else phase)

    def show(self, trials: Sequence[FrozenTrial]) -> None:
        """The trials as they are now."""
        found = outcomes(trials)
        ended = {trial.number: trial for trial in trials if found[trial.number] not in QUIET}
        with self.lock:
            before = ended.keys() if self.said is None else self.said  # of an earlier command
            for number in ended.keys() - before:
                self.progress.print(_line(ended[number], found[number], self.search.objectives), highlight=False)
            self.said = set(ended)
            busy = {number for number, how in found.items() if how == "running"}
            for name in [name for name in self.bars if int(name.split(",")[0].split()[1]) not in busy]:
                self.progress.remove_task(self.bars.pop(name))
            self.progress.update(self.total, completed=len(ended), shown=escape(counts(trials, self.search.objectives)))


def counts(trials: Sequence[FrozenTrial], objectives: Sequence[Objective]) -> str:
    """12 done, 3 pruned; best 0.2134 (trial 7)"""
    found = outcomes(trials)
    number, words = Counter(found.values()), {"complete": "done"}
    parts = [f"{number[key]} {words.get(key, key)}" for key in COUNTED if number[key] or key == "complete"]
    best = None
    for trial in trials:
        complete = found[trial.number] == "complete"
        if complete and (best is None or objectives[0].beats(trial.values[0], best.values[0])):
            best = trial
    shown = f"; best {text(objectives[0], best.values[0])} (trial {best.number})" if best else ""
    return ", ".join(parts) + shown


def text(objective: Objective, value: float) -> str:
    """A value with the decimals of its quantity."""
    return f"{value:,.6g}" if objective.is_cost else f"{value:.{METRICS[objective.quantity].decimals}f}"


def _line(trial: FrozenTrial, how: str, objectives: Sequence[Objective]) -> str:
    mark = MARKS.get("done" if how == "complete" else how, how)
    record = record_of(trial)
    values = ", ".join(f"{o.quantity} {text(o, v)}" for o, v in zip(objectives, trial.values or (), strict=False))
    what = values if how == "complete" else record.get("reason", "")
    changes = "; ".join(f"{path}={_short(value)}" for path, value in record.get("changes", {}).items())
    return f"{mark} {escape(f'trial {trial.number}: {what} ({changes})')}"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
