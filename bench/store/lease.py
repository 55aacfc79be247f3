"""Who works on a run: a lease with a heartbeat, by filelock, so that processes and machines can share a store."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, LeaseSettingsMismatch, SoftFileLease, Timeout

RECHECK_SECONDS = 0.05  # a contender that inspects a living lease may move it away for a moment
BREAK_AFTER = 1.5  # times the grace: then a silent lease is broken that filelock leaves alone


class Lease:
    """One process holds the lease, and renews it three times in `grace` seconds.

    A dead holder on this machine is noticed at once. Any other holder counts as dead after `grace` seconds without a
    renewal, by the monotonic clock of the process that waits, so that setting a clock changes nothing. A holder that
    counted as dead and wakes up finds that the lease is no longer its own (`is_mine`), and has to stop.
    """

    def __init__(self, path: Path, grace: float) -> None:
        self.path = path
        self.lease = self._make(grace)
        self.seen: tuple[tuple[int, int, int] | None, float] = (None, 0.0)
        self.looked = time.monotonic()
        self._abandoned = path.with_name(f"{path.name}.abandoned")
        self._broken = ""
        self.taken_from = ""
        """The previous holder in words, if this process took the lease from it; empty if the lease was free."""

    def _make(self, grace: float) -> SoftFileLease:
        return SoftFileLease(self.path, lease_duration=grace, thread_local=False)  # the watchdog's thread uses it too

    def acquire(self) -> bool:
        """Take the lease if it is free or its holder dead; does not wait. Raises OSError if it cannot be written."""
        before = self.holder
        try:
            self.lease.acquire(blocking=False)
        except LeaseSettingsMismatch:  # then the holder's own --grace counts
            if owner := self.lease.owner:
                self.lease = self._make(owner.lease_duration or self.lease.lease_duration)
            return False
        except Timeout:
            if self._unchanged_for() > BREAK_AFTER * self.lease.lease_duration:
                self._break()
            if not self.path.exists():
                self._broken = before
            return False
        self.taken_from, self._broken = before or self._broken or _text(self._abandoned), ""
        self._abandoned.unlink(missing_ok=True)
        return True

    def is_held(self) -> bool:
        """Whether a living process holds the lease. Raises OSError where that cannot be tried."""
        if not self.acquire():
            return True
        if self.taken_from:
            self._abandoned.write_text(self.taken_from)  # for the next process that takes it
        self.release()
        return False

    def release(self) -> None:
        self.lease.release()

    def is_mine(self) -> bool:
        """Whether this process still holds the lease; only then may it write the run's files."""
        if self._names_us():
            return True
        time.sleep(RECHECK_SECONDS)
        return self._names_us()

    def _names_us(self) -> bool:
        owner = self.lease.owner
        return owner is not None and owner.token is not None and owner.token == self.lease.token

    @property
    def holder(self) -> str:
        """The holder in words; empty if there is none."""
        owner = self.lease.owner
        return f"process {owner.pid} on {owner.hostname.partition('?')[0]}" if owner else ""

    def silent_holder(self) -> int | None:
        """The holder's process id, if it has not renewed the lease for `grace` seconds. Call it repeatedly: it compares
        with what earlier calls saw."""
        owner = self.lease.owner
        return owner.pid if self._unchanged_for() > self.lease.lease_duration and owner else None

    def _unchanged_for(self) -> float:
        """Seconds for which this process has seen the same renewal."""
        now, last = time.monotonic(), self.looked
        self.looked = now
        try:
            status = self.path.stat()
        except OSError:
            self.seen = (None, now)
            return 0.0
        if now - last > self.lease.lease_duration / 2:  # this process was stopped, perhaps the holder too
            self.seen = (None, now)
        renewal = (status.st_mtime_ns, status.st_ino, status.st_ctime_ns)
        if renewal != self.seen[0]:
            self.seen = (renewal, now)
        return now - self.seen[1]

    def _break(self) -> None:
        """Break a silent lease: on file systems that cannot exchange two names (NFS), filelock leaves it in place."""
        with suppress(Timeout, OSError), FileLock(f"{self.path}.break", timeout=0):
            if self._unchanged_for() > BREAK_AFTER * self.lease.lease_duration:  # no other process broke it first
                self.lease.force_break()
                self.seen = (None, time.monotonic())


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
