"""One run, executed: its stages in order under its lease, and how it ended, by name, in the store."""

from __future__ import annotations

import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import torch

from baselines.availability import MethodUnavailable
from bench.errors import (
    OF_THIS_PROCESS,
    SAID,
    LeftAsItIs,
    StoreLost,
    Unreadable,
    Unwritable,
    name_of,
    with_kind,
    with_name,
)
from bench.machine import Machine as Machine
from bench.measure.memory import peak_resident_bytes
from bench.measure.metrics import METRICS
from bench.runs.repair import quarantine
from bench.runs.stages import RunStages
from bench.runs.stages import Watch as Watch
from bench.runs.watchdog import Watchdog
from bench.store.run_store import CHECKPOINTS, RunStore, State, TakenOver
from bench.study.study import Run
from bench.training.trainer import Diverged, Interrupted, Pruned

LEASE_CHECK_SECONDS = 1.0  # between two looks at the lease while training


def execute(run: Run, metrics: Sequence[str], store: RunStore, machine: Machine, watch: Watch) -> State:
    """Train the run if it is not trained, score what is not scored, and say how it ended.

    `running` means that another process has it. A failure is recorded, and tried again the next time it is asked
    for; a divergence is a result. Raises trainer.Interrupted when told to stop, LeftAsItIs where the run stays what it
    was, StoreLost.
    """

    def to_its_end() -> State:
        with _watchdog(run, store, machine) as dog:
            return _to_its_end(run, metrics, store, machine, _watched(run, store, watch, dog))

    return _under_its_lease(run, store, to_its_end)


def measure(run: Run, store: RunStore, machine: Machine, watch: Watch) -> State:
    """Count the cost of a finished run and measure its speed and memory; nothing else should be at work meanwhile.

    A failure leaves the run done and its scores as they are; it is tried again the next time. Raises LeftAsItIs and
    StoreLost.
    """

    def measured() -> State:
        try:
            quarantine(store, run.id)
            work = RunStages(run, store, machine, watch)
            with work.timed("measure"):
                work.measure()
            work.write_timing()
        except (TakenOver, Unreadable):
            raise
        except Exception as error:
            reason = {"reason": with_kind(error), "traceback": traceback.format_exc()}
            store.write(run.id, "throughput.missing", reason)
            return "failed"
        return "done"

    return _under_its_lease(run, store, measured)


def _under_its_lease(run: Run, store: RunStore, stages: Callable[[], State]) -> State:
    """How the stages end; `running` where another process has the run, or takes it meanwhile. Raises LeftAsItIs where
    this process may not read or write the run, StoreLost where the store's disk is full or gone."""
    try:
        store.check_readable(run.id)
        with store.claim(run.id) as mine:
            return stages() if mine else "running"
    except TakenOver:
        return "running"
    except Unreadable as error:
        raise LeftAsItIs(str(error)) from error
    except Unwritable as error:
        if error.errno in OF_THIS_PROCESS:
            raise LeftAsItIs(str(error)) from error
        raise StoreLost(store.root, error) from None
    except OSError as error:
        raise StoreLost(store.root, error) from None


def _to_its_end(run: Run, metrics: Sequence[str], store: RunStore, machine: Machine, watch: Watch) -> State:
    """Raises Interrupted, TakenOver, Unreadable, LeftAsItIs, and Unwritable where the end cannot be written."""
    work, before = None, "new"
    try:
        quarantine(store, run.id)
        before = (store.read(run.id, "outcome") or {"state": "new"})["state"]
        if before == "diverged":
            return "diverged"
        if holder := store.taken_from(run.id):
            store.note(run.id, "taken over", f"from {holder}, which was dead or silent")
        work = RunStages(run, store, machine, watch)
        work.train()
        with work.timed("score"):
            work.keep_samples()
            work.score(metrics)
        work.write_timing()
    except (Diverged, Pruned) as error:
        assert work is not None
        work.write_curve(error.state.curve)
        state: State = "diverged" if isinstance(error, Diverged) else "pruned"
        step = error.step if isinstance(error, Diverged) else error.state.step
        return _finish(store, run, state, str(error), step=step)
    except (Interrupted, TakenOver, Unreadable):
        raise
    except Exception as error:  # whatever went wrong in this run, the others go on
        if before == "done":
            raise _unscored(store, run, metrics, error) from error
        if isinstance(error, MethodUnavailable):
            return _finish(store, run, "unavailable", str(error))
        return _failed(store, run, error)
    return "done" if before == "done" else _finish(store, run, "done", "")


def _unscored(store: RunStore, run: Run, metrics: Sequence[str], error: Exception) -> LeftAsItIs:
    """Why a run that is done did not get all the scores it was asked for; kept with the metrics that it lacks."""
    reason = with_name(error)
    with suppress(OSError):  # it is told all the same
        for metric in metrics:
            if store.read_rows(run.id, METRICS[metric].records) is None:
                content = {"reason": reason, "traceback": traceback.format_exc()}
                store.write(run.id, f"{METRICS[metric].records}.missing", content)
    return LeftAsItIs(f"is done, but was not scored: {reason}")


def _failed(store: RunStore, run: Run, error: Exception) -> State:
    name, reason, more = name_of(error), with_name(error), {}
    if name == "out_of_memory":
        more = {"batch_size": run.config.train.batch_size, "peak_bytes": _peak_bytes()}
        reason += f" (batch {more['batch_size']}, at most {more['peak_bytes'] / 2**30:.2f} GiB at once until then)"
    reason += f" (traceback in {store.folder(run.id) / 'outcome.json'})"
    return _finish(store, run, "failed", reason, fault=name, traceback=traceback.format_exc(), **more)


def _peak_bytes() -> int:
    """On CUDA of its allocator, else of the process."""
    return torch.cuda.max_memory_allocated() if torch.cuda.is_initialized() else peak_resident_bytes()


def _finish(store: RunStore, run: Run, state: State, reason: str, **more: Any) -> State:
    is_new = store.end(run.id, state, reason, **more)
    if is_new and state not in ("failed", "pruned"):
        for name in CHECKPOINTS:
            (store.folder(run.id) / name).unlink(missing_ok=True)
    return state


def _watchdog(run: Run, store: RunStore, machine: Machine) -> Watchdog:
    def hung(reason: str) -> None:
        is_new = store.end(run.id, "failed", f"{SAID['hung']}: {reason}", fault="hung")
        stays = "recorded as failed" if is_new else "it stays done, without what was asked for now"
        print(f"{run.label}, seed {run.config.seed}: hung, {reason}; {stays}", flush=True)

    return Watchdog(machine.hang_seconds, store.prepare(run.id) / "hang.txt", hung)


def _watched(run: Run, store: RunStore, watch: Watch, dog: Watchdog) -> Watch:
    """The watch, with every sign of life told to the watchdog, and the lease looked after."""
    looked = time.monotonic()

    def tell(run_id: str, phase: str, share: float) -> None:
        dog.feed()
        watch.tell(run_id, phase, share)

    def told_to_stop() -> bool:
        nonlocal looked
        dog.feed()
        if time.monotonic() - looked > LEASE_CHECK_SECONDS:
            looked = time.monotonic()
            store.check_held(run.id)
        return watch.told_to_stop()

    return replace(watch, tell=tell, told_to_stop=told_to_stop)
