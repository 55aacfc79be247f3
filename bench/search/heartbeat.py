"""The heartbeat of a worker, by which the other workers notice that it died and take over its trial."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from bench.search.trials import give_up

BEATS = 6  # within the time after which a silent worker counts as dead
BEAT = "beat"  # the trial's attribute that holds the counter


class Heartbeat:
    """A thread that raises a counter in the worker's own trial, and watches the counters of the other trials."""

    def __init__(self, study: Study, grace: float) -> None:
        self.study, self.grace = study, grace
        self.own: Trial | None = None
        self.count = 0
        self.last_beats: dict[int, tuple[int, float]] = {}
        """Trial number -> the counter last read, and when it changed, on this machine's clock."""
        self.lock, self.is_over = threading.Lock(), threading.Event()
        self.thread = threading.Thread(target=self._beat_until_over, daemon=True)

    def __enter__(self) -> Heartbeat:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.is_over.set()
        self.thread.join()

    def begin(self, trial: Trial) -> None:
        """Beat for this trial from now on."""
        with self.lock:
            self.own = trial
            self._beat()

    def end(self) -> None:
        """Beat for no trial any more."""
        with self.lock:
            self.own = None

    def _beat(self) -> None:
        self.count += 1
        if self.own is not None:
            with suppress(Exception):  # another worker took the trial over
                self.own.set_user_attr(BEAT, self.count)

    def _beat_until_over(self) -> None:
        last = time.monotonic()
        while not self.is_over.wait(self.grace / BEATS):
            with suppress(Exception):  # the storage cannot be reached for a while
                self._beat_and_watch()
            # A worker that was itself suspended has not watched the others: it starts anew.
            if time.monotonic() - last > self.grace / 2:
                self.last_beats.clear()
            last = time.monotonic()

    def _beat_and_watch(self) -> None:
        with self.lock:
            self._beat()
            own = self.own.number if self.own is not None else None
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if trial.number != own and self._is_silent(trial):
                give_up(self.study, trial)  # a free worker queues it again

    def _is_silent(self, trial: FrozenTrial) -> bool:
        """Whether the counter has stood still for the grace period, by this machine's clock: those of two machines
        differ."""
        now, beat = time.monotonic(), int(trial.user_attrs.get(BEAT, 0))
        last, since = self.last_beats.get(trial.number, (-1, now))
        if beat != last:
            self.last_beats[trial.number] = (beat, now)
            return False
        return now - since > self.grace
