"""Probes a run: measures what it takes on 20 of its steps, in this process or in one of its own."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection

from bench.errors import with_fault
from bench.interrupts import sigint_blocked
from bench.machine import Machine
from bench.runs.probe_cache import Probe
from bench.study.study import Run


def probe(run: Run, metrics: Sequence[str], machine: Machine, begun: float | None = None) -> Probe:
    """Measure what the run takes, in this process; a failure becomes the probe's reason.

    begun: time.monotonic() when the process was started; the probe's `start` is the time since then.
    """
    begun = time.monotonic() if begun is None else begun
    try:
        from bench.runs.probe_steps import measure_run

        return measure_run(run, metrics, machine, begun)
    except Exception as error:  # of the method, a metric or the device, as in a run
        return Probe(reason=with_fault(error), took=time.monotonic() - begun)


def probe_apart(run: Run, metrics: Sequence[str], machine: Machine) -> Probe:
    """Probe in a process of its own: its peak memory is that of the run alone, and this process imports no torch."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    begun = time.monotonic()  # the same clock in all processes
    process = context.Process(target=_serve, args=(sender, run, tuple(metrics), machine, begun), daemon=True)
    with sigint_blocked():
        process.start()
    sender.close()
    try:
        result: Probe = receiver.recv()
    except EOFError:
        process.join()
        killed = process.exitcode is not None and process.exitcode < 0
        reason = "its process was killed (out of memory?)" if killed else f"its process ended ({process.exitcode})"
        result = Probe(reason=reason, took=time.monotonic() - begun)
    finally:
        process.join(5)
        process.kill()
        process.join()
    return result


def _serve(pipe: Connection, run: Run, metrics: tuple[str, ...], machine: Machine, begun: float) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends this process
    result = probe(run, metrics, machine, begun)
    with suppress(BrokenPipeError):  # the parent no longer waits
        pipe.send(result)
