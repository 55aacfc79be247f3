"""What a run takes, measured on 20 of its steps: in this process, in one of its own, and as remembered."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Sequence
from contextlib import suppress
from multiprocessing.connection import Connection

from bench.errors import FAULT_WORDS, name_of, with_kind
from bench.interrupts import sigint_blocked
from bench.machine import Machine
from bench.runs.probe_cache import Probe
from bench.study.study import Run


def probe(run: Run, metrics: Sequence[str], machine: Machine, begun: float | None = None) -> Probe:
    """Measure in this process what the run takes; what goes wrong is given back as the reason.

    begun: time.monotonic() when the process was started; the time since then is its `start`.
    """
    begun = time.monotonic() if begun is None else begun
    try:
        from bench.runs.probe_steps import measured

        return measured(run, metrics, machine, begun)
    except Exception as error:  # of a method, a metric or the device, as in a run
        fault, said = name_of(error), with_kind(error)
        reason = said if fault == "error" else f"{FAULT_WORDS[fault]}: {said}"
    return Probe(reason=reason, took=time.monotonic() - begun)


def probe_apart(run: Run, metrics: Sequence[str], machine: Machine) -> Probe:
    """The same in a process of its own, so that its peak memory is the run's and this one imports no torch."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    begun = time.monotonic()  # the same clock in all processes
    process = context.Process(target=_serve, args=(theirs, run, tuple(metrics), machine, begun), daemon=True)
    with sigint_blocked():
        process.start()
    theirs.close()
    try:
        found: Probe = ours.recv()
    except EOFError:
        process.join()
        killed = process.exitcode is not None and process.exitcode < 0
        reason = "its process was killed (out of memory?)" if killed else f"its process ended ({process.exitcode})"
        found = Probe(reason=reason, took=time.monotonic() - begun)
    finally:
        process.join(5)
        process.kill()
        process.join()
    return found


def _serve(pipe: Connection, run: Run, metrics: tuple[str, ...], machine: Machine, begun: float) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent ends it
    found = probe(run, metrics, machine, begun)
    with suppress(BrokenPipeError):  # nobody waits for it any more
        pipe.send(found)
