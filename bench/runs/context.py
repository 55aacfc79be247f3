"""What all stages of one run share: the run, its store, the machine, and the caller who watches it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.data.batches import dataset_of
from bench.data.dataset import Dataset
from bench.errors import DataChanged, InputError, is_there
from bench.machine import Machine
from bench.store.run_store import RunStore, run_id
from bench.study.study import Run, method_code
from bench.training.trainer import Interrupted


@dataclass(frozen=True)
class Watch:
    """How a run reports to its caller, and how the caller stops it."""

    tell: Callable[[str, str, float], None] = lambda run, phase, share: None
    """Called with the run id, the phase and the share of the phase that is done, in [0, 1]."""
    told_to_stop: Callable[[], bool] = lambda: False
    goes_on: Callable[[list[dict[str, Any]]], bool] = lambda curve: True
    """Asked after every validation, with the curve so far; False prunes the run."""


@dataclass(frozen=True)
class RunContext:
    """One run while it is executed."""

    run: Run
    store: RunStore
    machine: Machine
    watch: Watch

    @property
    def folder(self) -> Path:
        return self.store.folder(self.run.id)

    def has_file(self, name: str) -> bool:
        """Whether the run's folder has the file. Raises Unreadable."""
        return is_there(self.folder / name)

    def tell(self, phase: str, share: float) -> None:
        """Tell the caller what the run is doing."""
        self.watch.tell(self.run.id, phase, share)

    def stop_if_told(self) -> None:
        """Raises Interrupted when the caller asks the run to stop."""
        if self.watch.told_to_stop():
            raise Interrupted

    def open_data(self) -> Dataset:
        """The run's data set. Raises DataChanged if it is not the one that the run was planned with."""
        config = self.run.config
        try:
            dataset = dataset_of(config.data)
        except InputError as error:
            raise DataChanged(str(error)) from None
        if run_id(config, dataset.fingerprint, method_code(config.method)) != self.run.id:
            skipped = "".join(f"; {s.name}: {s.reason}" for s in dataset.skipped[:3])
            raise DataChanged(f"the images, or the method's file, changed after the study was planned{skipped}")
        return dataset
