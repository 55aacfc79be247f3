"""Signs of life of a search's workers, by which a trial whose worker died is noticed and queued again."""

from __future__ import annotations

import threading
import time
from contextlib import suppress

from optuna.study import Study
from optuna.trial import FrozenTrial, Trial, TrialState

from bench.search.storage import give_up

BEATS = 6  # in the time after which a silent worker counts as dead
BEAT = "beat"  # the counter's name, of a trial


class Heartbeat:
    """Signs of life: a counter with each trial at work, which a thread raises, and watches in the others'."""

    def __init__(self, study: Study, grace: float) -> None:
        self.study, self.grace = study, grace
        self.mine: Trial | None = None
        self.count = 0
        self.seen: dict[int, tuple[int, float]] = {}
        self.guard, self.over = threading.Lock(), threading.Event()
        self.thread = threading.Thread(target=self._beat, daemon=True)

    def __enter__(self) -> Heartbeat:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()

    def begin(self, trial: Trial) -> None:
        """A trial of our own is at work."""
        with self.guard:
            self.mine = trial
            self._sign()

    def end(self) -> None:
        """It is not any more."""
        with self.guard:
            self.mine = None

    def _sign(self) -> None:
        self.count += 1
        if self.mine is not None:
            with suppress(Exception):  # it was taken over
                self.mine.set_user_attr(BEAT, self.count)

    def _beat(self) -> None:
        last = time.monotonic()
        while not self.over.wait(self.grace / BEATS):
            with suppress(Exception):  # of a storage that cannot be reached for a while
                self._sign_and_watch()
            if time.monotonic() - last > self.grace / 2:  # who is held up himself knows nothing of the others
                self.seen.clear()
            last = time.monotonic()

    def _sign_and_watch(self) -> None:
        with self.guard:
            self._sign()
            mine = self.mine.number if self.mine is not None else None
        for trial in self.study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
            if trial.number != mine and self._is_silent(trial):
                give_up(self.study, trial)  # a worker that is free queues it again

    def _is_silent(self, trial: FrozenTrial) -> bool:
        """By our own clock, since those of two machines differ."""
        now, beat = time.monotonic(), int(trial.user_attrs.get(BEAT, 0))
        last, since = self.seen.get(trial.number, (-1, now))
        if beat != last:
            self.seen[trial.number] = (beat, now)
            return False
        return now - since > self.grace
