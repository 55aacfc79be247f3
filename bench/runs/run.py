"""One run, executed: its stages under its lease; how it ended is stored by name."""

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
    FAULT_WORDS,
    NO_RIGHT,
    OUT_OF_RESOURCES,
    LeftAsItIs,
    StoreLost,
    Unreadable,
    Unwritable,
    fault_of,
    with_class,
    with_fault,
)
from bench.machine import Machine as Machine
from bench.measure.memory import peak_resident_bytes
from bench.measure.metrics import METRICS
from bench.runs.context import RunContext
from bench.runs.context import Watch as Watch
from bench.runs.repair import quarantine
from bench.runs.stages import RunStages
from bench.runs.status import unscored
from bench.runs.watchdog import Watchdog
from bench.store.run_store import CHECKPOINTS, RunStore, State, TakenOver
from bench.study.study import Run
from bench.training.trainer import Diverged, Interrupted, Pruned

LEASE_CHECK_SECONDS = 1.0  # between two looks at the lease while training


def execute(run: Run, metrics: Sequence[str], store: RunStore, machine: Machine, watch: Watch) -> State:
    """Train the run if it is not trained, score what is not scored, and give how it ended.

    `running` means that another process has the run. A failure is stored, and tried again the next time somebody asks
    for the run; a divergence is a result. Raises trainer.Interrupted when told to stop, LeftAsItIs where the stored
    state of the run stays, StoreLost.
    """
    context = RunContext(run, store, machine, watch)

    def train_and_score() -> State:
        with _watchdog(context) as dog:
            return _train_and_score(replace(context, watch=_watched(context, dog)), metrics)

    return _under_lease(context, train_and_score)


def measure(run: Run, store: RunStore, machine: Machine, watch: Watch) -> State:
    """Measure a finished run's cost, speed and memory; nothing else should compute meanwhile.

    After a failure the run stays done and keeps its scores; the next command measures it again. Raises LeftAsItIs and
    StoreLost.
    """
    context = RunContext(run, store, machine, watch)

    def measure_speed() -> State:
        try:
            quarantine(store, run.id)
            RunStages(context).measure_speed()
        except (TakenOver, Unreadable):
            raise
        except Exception as error:
            failure = {"reason": with_class(error), "traceback": traceback.format_exc()}
            store.write(run.id, "throughput.missing", failure)
            return "failed"
        return "done"

    return _under_lease(context, measure_speed)


def _under_lease(context: RunContext, stages: Callable[[], State]) -> State:
    """How the stages end; `running` where another process has the run, or takes it over meanwhile. Raises LeftAsItIs
    where this process may not read or write the run, StoreLost where the store's disk is full or gone."""
    store = context.store
    try:
        # Checked before the lease is taken, which writes to the folder: an unreadable run stays byte for byte.
        store.check_readable(context.run.id)
        with store.claim(context.run.id) as is_mine:
            return stages() if is_mine else "running"
    except TakenOver:
        return "running"
    except Unreadable as error:
        raise LeftAsItIs(str(error)) from error
    except Unwritable as error:
        # What this process lacks, another may have: the store is not lost.
        if error.errno in (*NO_RIGHT, *OUT_OF_RESOURCES):
            raise LeftAsItIs(str(error)) from error
        raise StoreLost(store.root, error) from None
    except OSError as error:
        raise StoreLost(store.root, error) from None


def _train_and_score(context: RunContext, metrics: Sequence[str]) -> State:
    """Raises Interrupted, TakenOver, Unreadable, LeftAsItIs, and Unwritable where the end cannot be stored."""
    run, store, stages, before = context.run, context.store, None, "new"
    try:
        quarantine(store, run.id)
        # The state that the runner planned with may be old: until this process took the lease, another one could bring
        # the run to its end. From here on nobody else writes to the run, so this is the only place that reads its
        # state again.
        before = (store.read(run.id, "outcome") or {"state": "new"})["state"]
        if before == "diverged":
            return "diverged"
        if holder := store.taken_from(run.id):
            store.note(run.id, "taken over", f"from {holder}, which was dead or silent")
        stages = RunStages(context)
        stages.train_and_score(metrics)
    except (Diverged, Pruned) as error:
        assert stages is not None
        stages.write_curve(error.state.curve)
        state: State = "diverged" if isinstance(error, Diverged) else "pruned"
        step = error.step if isinstance(error, Diverged) else error.state.step
        return _finish(context, state, str(error), step=step)
    except (Interrupted, TakenOver, Unreadable):
        raise
    except Exception as error:  # a command goes on with its other runs, whatever went wrong in this one
        if before == "done":
            raise _left_unscored(context, metrics, error) from error
        if isinstance(error, MethodUnavailable):
            return _finish(context, "unavailable", str(error))
        return _fail(context, error)
    return "done" if before == "done" else _finish(context, "done", "")


def _left_unscored(context: RunContext, metrics: Sequence[str], error: Exception) -> LeftAsItIs:
    """Why a finished run did not get all the scores that were asked for; stored beside the metrics that it lacks."""
    reason = with_fault(error)
    with suppress(OSError):  # the caller shows the reason even if it cannot be stored
        for metric in unscored(context.store, context.run.id, metrics):
            failure = {"reason": reason, "traceback": traceback.format_exc()}
            context.store.write(context.run.id, f"{METRICS[metric].records}.missing", failure)
    return LeftAsItIs(f"is done, but was not scored: {reason}")


def _fail(context: RunContext, error: Exception) -> State:
    name, reason, more = fault_of(error), with_fault(error), {}
    if name == "out_of_memory":
        more = {"batch_size": context.run.config.train.batch_size, "peak_bytes": _peak_bytes()}
        reason += f" (batch {more['batch_size']}, peak {more['peak_bytes'] / 2**30:.2f} GiB before the failure)"
    reason += f" (traceback in {context.folder / 'outcome.json'})"
    return _finish(context, "failed", reason, fault=name, traceback=traceback.format_exc(), **more)


def _peak_bytes() -> int:
    """On CUDA of its allocator, else of the process."""
    return torch.cuda.max_memory_allocated() if torch.cuda.is_initialized() else peak_resident_bytes()


def _finish(context: RunContext, state: State, reason: str, **more: Any) -> State:
    is_stored = context.store.end(context.run.id, state, reason, **more)
    if is_stored and state not in ("failed", "pruned"):
        for name in CHECKPOINTS:
            (context.folder / name).unlink(missing_ok=True)
    return state


def _watchdog(context: RunContext) -> Watchdog:
    run, store = context.run, context.store

    def on_hang(reason: str) -> None:
        is_stored = store.end(run.id, "failed", f"{FAULT_WORDS['hung']}: {reason}", fault="hung")
        outcome = "stored as failed" if is_stored else "the run stays done, without what was asked for now"
        print(f"{run.label}, seed {run.config.seed}: hung, {reason}; {outcome}", flush=True)

    return Watchdog(context.machine.hang_seconds, store.prepare(run.id) / "hang.txt", on_hang)


def _watched(context: RunContext, dog: Watchdog) -> Watch:
    """The context's watch; every call of it also feeds the watchdog, and checks the lease now and then."""
    watch, checked = context.watch, time.monotonic()

    def tell(run_id: str, phase: str, share: float) -> None:
        dog.feed()
        watch.tell(run_id, phase, share)

    def told_to_stop() -> bool:
        nonlocal checked
        dog.feed()
        if time.monotonic() - checked > LEASE_CHECK_SECONDS:
            checked = time.monotonic()
            context.store.check_held(context.run.id)
        return watch.told_to_stop()

    return replace(watch, tell=tell, told_to_stop=told_to_stop)
