"""Who works on a run: a lease with a heartbeat, by filelock, so that processes and machines may share a store."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, LeaseSettingsMismatch, SoftFileLease, Timeout

RECHECK_SECONDS = 0.05  # a contender that looks at a living lease may have it aside for a moment
LONGER = 1.5  # times the grace, before a lease is broken that filelock leaves alone


class Lease:
    """One process holds it, and renews it every third of `grace` seconds.

    A holder of this machine that died is noticed at once; any other is taken for dead after `grace` seconds without a
    renewal, by the clock of who waits for it (monotonic: that it is set does not matter). A holder that was taken for
    dead and wakes up finds that the lease is not its own any more (`is_mine`), and has to stop.
    """

    def __init__(self, path: Path, grace: float) -> None:
        self.path = path
        self.lease = self._make(grace)
        self.seen: tuple[tuple[int, int, int] | None, float] = (None, 0.0)
        self.looked = time.monotonic()
        self._abandoned = path.with_name(f"{path.name}.abandoned")
        self._broken = ""
        self.taken_from = ""
        """In words, who had it when this process took it; empty if it was free."""

    def _make(self, grace: float) -> SoftFileLease:
        return SoftFileLease(self.path, lease_duration=grace, thread_local=False)  # the watchdog asks too

    def acquire(self) -> bool:
        """Take it if it is free, or its holder dead; does not wait. Raises OSError where it cannot be written."""
        before = self.holder
        try:
            self.lease.acquire(blocking=False)
        except LeaseSettingsMismatch:  # the holder's own --grace counts
            if owner := self.lease.owner:
                self.lease = self._make(owner.lease_duration or self.lease.lease_duration)
            return False
        except Timeout:
            if self._unchanged_for() > LONGER * self.lease.lease_duration:
                self._break()
            if not self.path.exists():
                self._broken = before
            return False
        self.taken_from, self._broken = before or self._broken or _text(self._abandoned), ""
        self._abandoned.unlink(missing_ok=True)
        return True

    def is_held(self) -> bool:
        """Whether a living process has it. Raises OSError where that cannot be tried."""
        if not self.acquire():
            return True
        if self.taken_from:
            self._abandoned.write_text(self.taken_from)  # for whoever takes it to go on
        self.release()
        return False

    def release(self) -> None:
        self.lease.release()

    def is_mine(self) -> bool:
        """Whether this process still has it; what lies under it may be written only then."""
        if self._names_us():
            return True
        time.sleep(RECHECK_SECONDS)
        return self._names_us()

    def _names_us(self) -> bool:
        owner = self.lease.owner
        return owner is not None and owner.token is not None and owner.token == self.lease.token

    @property
    def holder(self) -> str:
        """In words; empty where nobody has it."""
        owner = self.lease.owner
        return f"process {owner.pid} on {owner.hostname.partition('?')[0]}" if owner else ""

    def silent_holder(self) -> int | None:
        """The process that has it, if that has not renewed it for `grace` seconds; has to be asked again and again."""
        owner = self.lease.owner
        return owner.pid if self._unchanged_for() > self.lease.lease_duration and owner else None

    def _unchanged_for(self) -> float:
        """Seconds for which we have seen the same renewal."""
        now, last = time.monotonic(), self.looked
        self.looked = now
        try:
            found = self.path.stat()
        except OSError:
            self.seen = (None, now)
            return 0.0
        if now - last > self.lease.lease_duration / 2:  # we were stopped ourselves, perhaps the holder with us
            self.seen = (None, now)
        renewal = (found.st_mtime_ns, found.st_ino, found.st_ctime_ns)
        if renewal != self.seen[0]:
            self.seen = (renewal, now)
        return now - self.seen[1]

    def _break(self) -> None:
        """On file systems that cannot exchange two names (NFS) filelock leaves a silent lease where it is."""
        with suppress(Timeout, OSError), FileLock(f"{self.path}.break", timeout=0):
            if self._unchanged_for() > LONGER * self.lease.lease_duration:  # nobody was first
                self.lease.force_break()
                self.seen = (None, time.monotonic())


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
