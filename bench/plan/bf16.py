"""Warns of `train.precision=bf16` on a processor that has no bf16 instructions; without torch."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from baselines import UNTRAINED
from bench.machine import Machine, device_and_name
from bench.plan.price import Pricing
from bench.store.run_store import ENDED, RunStore
from bench.study.study import Job, Run

BF16_FLAGS = frozenset({"avx512_bf16", "amx_bf16"})
"""Flags of processors with bf16 instructions."""
ELSEWHERE = "7 to 26 times as long as in fp32, measured on another such processor"
SHOWN = 3  # labels


def bf16_warning(jobs: Sequence[Job], store: RunStore, machine: Machine, flags: Collection[str] | None) -> str:
    """One line if a run that is left would train in bf16 on a CPU that is slow at it; else empty.

    flags: `processor_flags()`; None if unknown, which gives no warning.
    """
    if flags is None or BF16_FLAGS & set(flags):
        return ""
    slow = [job for job in jobs if _trains_in_bf16(job[0]) and store.state(job[0].id) not in ENDED]
    if not slow:
        return ""
    device, name = device_and_name(machine.device)
    if device != "cpu":
        return ""
    pricing, by_label = Pricing(store, machine, name, 1), {job[0].label: job for job in slow}
    slowdowns = {label: bf16_slowdown(job, pricing) for label, job in by_label.items()}
    labels = [label for label, times in slowdowns.items() if times is None or times > 1]
    if not labels:
        return ""
    measured = {label: times for label in labels if (times := slowdowns[label]) is not None}
    here = f"{_span(measured.values())} times as long here as in fp32, measured" if measured else ELSEWHERE
    on = f" on {_listed(list(measured))}" if 0 < len(measured) < len(labels) else ""
    return (
        "train.precision=bf16 is slow on this processor, which has neither AVX512-BF16 nor AMX: training "
        f"({_listed(labels)}) takes {here}{on}; set train.precision to fp32"
    )


def _listed(labels: Sequence[str]) -> str:
    more = f" and {len(labels) - SHOWN} more" if len(labels) > SHOWN else ""
    return ", ".join(labels[:SHOWN]) + more


def _trains_in_bf16(run: Run) -> bool:
    return run.config.train.precision == "bf16" and run.config.method not in UNTRAINED


def bf16_slowdown(job: Job, pricing: Pricing) -> float | None:
    """A run's training seconds in bf16 over those in fp32, by this machine's records or probes; None unless both are
    known, or if the budget is in seconds."""
    run, metrics = job
    train = run.config.train
    if train.seconds is not None:
        return None
    in_fp32 = run.config.model_copy(update={"train": train.model_copy(update={"precision": "fp32"})})
    bf16, fp32 = (pricing.price(Run(run.id, run.label, config), metrics) for config in (run.config, in_fp32))
    return bf16.train / fp32.train if bf16 and fp32 and fp32.train else None


def _span(values: Collection[float]) -> str:
    """7.3, or 7.3 to 26"""
    low, high = (f"{value:.2g}" for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"
