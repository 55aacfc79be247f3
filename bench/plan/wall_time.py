"""How long the work that is left takes on so many workers, and how much memory it takes at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.config import DataConfig
from bench.plan.price import Planned, Price


@dataclass(frozen=True)
class Outlook:
    """Totals over all runs whose price is known."""

    work_seconds: float
    """Summed over all processes."""
    wall_seconds: float
    peak_bytes: int
    """Peak over all workers together, or of the process that measures speed after them, whichever is more."""
    gpu_peak_bytes: int | None
    workers: int


@dataclass
class _Process:
    """A process that executes one run after the other."""

    seconds: float = 0.0
    peak_bytes: int = 0
    gpu_peak_bytes: int = 0
    opened: set[DataConfig] = field(default_factory=set)

    def execute(self, price: Price, data: DataConfig, seconds: float) -> None:
        """Add these seconds, and what a process does once before its first run and its first of a data set."""
        if not self.opened:
            self.seconds += price.start
        if data not in self.opened:
            self.seconds += price.setup
        self.opened.add(data)
        self.seconds += seconds
        self.peak_bytes = max(self.peak_bytes, price.peak_bytes)
        self.gpu_peak_bytes = max(self.gpu_peak_bytes, price.gpu_peak_bytes or 0)


def outlook(planned: Sequence[Planned], workers: int) -> Outlook:
    """Simulates `bench run`: each run in turn goes to the worker that is free first, then this process measures speed,
    one run at a time. With one worker, this process does both."""
    priced = [(p, p.price) for p in planned if p.is_left and p.price is not None]
    training = [_Process() for _ in range(workers)]
    for entry, price in priced:
        if not entry.is_scored:
            min(training, key=lambda process: process.seconds).execute(
                price, entry.run.config.data, entry.worker_seconds
            )
    trained = max(process.seconds for process in training)
    measuring = training[0] if workers == 1 else _Process()
    before = measuring.seconds
    for entry, price in priced:
        if not entry.is_measured:
            measuring.execute(price, entry.run.config.data, entry.measure_seconds)
    after_workers = [] if workers == 1 else [measuring]
    # The workers keep their memory until they end; the measuring process starts when they have ended.
    gpu = max(sum(process.gpu_peak_bytes for process in training), measuring.gpu_peak_bytes)
    return Outlook(
        work_seconds=sum(process.seconds for process in (*training, *after_workers)),
        wall_seconds=trained + measuring.seconds - before,
        peak_bytes=max(sum(process.peak_bytes for process in training), measuring.peak_bytes),
        gpu_peak_bytes=gpu or None,
        workers=workers,
    )
