"""The progress of a search on the terminal: ended trials, the best so far, running trials, the remaining time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from optuna.trial import FrozenTrial
from rich.console import Console
from rich.markup import escape

from bench.measure.metrics import METRICS
from bench.runs.progress import MARKS, Bars
from bench.search.objectives import Objective
from bench.search.search import Search
from bench.search.trials import outcomes, record_of

COUNTED = ("complete", "pruned", "diverged", "failed", "infeasible", "invalid")
UNANNOUNCED = ("running", "lost", "infeasible", "invalid")
"""Outcomes that get no line of their own."""


class SearchDisplay(Bars):
    """Shows trials inside a `with`. Without a terminal it prints a line when a trial ends."""

    def __init__(self, console: Console, search: Search) -> None:
        super().__init__(console, "trials", total=search.file.trials)
        self.search = search
        self.announced: set[int] | None = None
        """Numbers of the trials that have their line; None before the first update."""

    def tell(self, name: str, phase: str, share: float) -> None:
        """Show the progress of a run; the name is `trial N`, or `trial N, seed S`."""
        with self.lock:
            if name not in self.bars:
                self.bars[name] = self.progress.add_task(escape(name), total=1.0, shown="")
            done = share if phase == "train" else 1.0
            self.progress.update(self.bars[name], completed=done, shown=f"{done:.0%}" if phase == "train" else phase)

    def show(self, trials: Sequence[FrozenTrial]) -> None:
        """Show the trials as they are now."""
        outcome_of = outcomes(trials)
        ended = {trial.number: trial for trial in trials if outcome_of[trial.number] not in UNANNOUNCED}
        with self.lock:
            # Trials that have ended at the first update belong to an earlier command.
            before = ended.keys() if self.announced is None else self.announced
            for number in ended.keys() - before:
                self.progress.print(_line(ended[number], outcome_of[number], self.search.objectives), highlight=False)
            self.announced = set(ended)
            running = {number for number, outcome in outcome_of.items() if outcome == "running"}
            for name in [name for name in self.bars if int(name.split(",")[0].split()[1]) not in running]:
                self.progress.remove_task(self.bars.pop(name))
            self.progress.update(self.total, completed=len(ended), shown=escape(counts(trials, self.search.objectives)))


def counts(trials: Sequence[FrozenTrial], objectives: Sequence[Objective]) -> str:
    """12 done, 3 pruned; best 0.2134 (trial 7)"""
    outcome_of = outcomes(trials)
    count, words = Counter(outcome_of.values()), {"complete": "done"}
    parts = [f"{count[key]} {words.get(key, key)}" for key in COUNTED if count[key] or key == "complete"]
    best = None
    for trial in trials:
        is_complete = outcome_of[trial.number] == "complete"
        if is_complete and (best is None or objectives[0].beats(trial.values[0], best.values[0])):
            best = trial
    best_text = f"; best {value_text(objectives[0], best.values[0])} (trial {best.number})" if best else ""
    return ", ".join(parts) + best_text


def value_text(objective: Objective, value: float) -> str:
    """A value with the decimals of its quantity."""
    return f"{value:,.6g}" if objective.is_cost else f"{value:.{METRICS[objective.quantity].decimals}f}"


def _line(trial: FrozenTrial, outcome: str, objectives: Sequence[Objective]) -> str:
    """The line of a trial that has ended: its values, or the reason why it has none."""
    mark = MARKS.get("done" if outcome == "complete" else outcome, outcome)
    record = record_of(trial)
    values = ", ".join(f"{o.quantity} {value_text(o, v)}" for o, v in zip(objectives, trial.values or (), strict=False))
    result = values if outcome == "complete" else record.get("reason", "")
    changes = "; ".join(f"{path}={_short(value)}" for path, value in record.get("changes", {}).items())
    return f"{mark} {escape(f'trial {trial.number}: {result} ({changes})')}"


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
