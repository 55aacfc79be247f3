"""How long the work that is left takes together, and how much memory at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from bench.config import DataConfig
from bench.plan.price import Planned, Price


@dataclass(frozen=True)
class Outlook:
    """Of all runs whose price is known."""

    work_seconds: float
    """All processes together."""
    wall_seconds: float
    peak_bytes: int
    """Of all workers at once, since each keeps what it has had, or of the process that measures speed after them."""
    gpu_peak_bytes: int | None
    workers: int


@dataclass
class _Process:
    """One that runs are executed in, one after the other."""

    seconds: float = 0.0
    peak_bytes: int = 0
    gpu_peak_bytes: int = 0
    opened: set[DataConfig] = field(default_factory=set)

    def take(self, price: Price, data: DataConfig, seconds: float) -> None:
        """Do what takes so many seconds, and before it what is done once."""
        if not self.opened:
            self.seconds += price.start
        if data not in self.opened:
            self.seconds += price.setup
        self.opened.add(data)
        self.seconds += seconds
        self.peak_bytes = max(self.peak_bytes, price.peak_bytes)
        self.gpu_peak_bytes = max(self.gpu_peak_bytes, price.gpu_peak_bytes or 0)


def outlook(planned: Sequence[Planned], workers: int) -> Outlook:
    """As `bench run` goes about it: each run in turn goes to the worker that is free first, then this process measures
    speed, one run at a time. One worker is this process itself."""
    known = [(p, p.price) for p in planned if p.is_left and p.price is not None]
    training = [_Process() for _ in range(workers)]
    for one, price in known:
        if not one.is_scored:
            min(training, key=lambda process: process.seconds).take(price, one.run.config.data, one.worker_seconds)
    trained = max(process.seconds for process in training)
    measuring = training[0] if workers == 1 else _Process()
    before = measuring.seconds
    for one, price in known:
        if not one.is_measured:
            measuring.take(price, one.run.config.data, one.measure_seconds)
    once = [] if workers == 1 else [measuring]  # when the workers have ended
    gpu = max(sum(process.gpu_peak_bytes for process in training), measuring.gpu_peak_bytes)
    return Outlook(
        work_seconds=sum(process.seconds for process in (*training, *once)),
        wall_seconds=trained + measuring.seconds - before,
        peak_bytes=max(sum(process.peak_bytes for process in training), measuring.peak_bytes),
        gpu_peak_bytes=gpu or None,
        workers=workers,
    )
