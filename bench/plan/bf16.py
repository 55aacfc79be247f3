"""What `train.precision=bf16` costs on a processor that computes in it by way of fp32; known without torch."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from baselines import UNTRAINED
from bench.machine import Machine, device_and_name
from bench.plan.price import Pricing
from bench.runs.executors import Job
from bench.store.run_store import RunStore
from bench.study.study import Run

HAVE_BF16 = frozenset({"avx512_bf16", "amx_bf16"})
"""Flags of processors with instructions for it."""
ELSEWHERE = "7 to 26 times as long as in fp32, measured on another such processor"
ENDED = ("done", "diverged")
SHOWN = 3  # labels


def bf16_warning(jobs: Sequence[Job], store: RunStore, machine: Machine, flags: Collection[str] | None) -> str:
    """One line where runs that are left would train in bf16 on a CPU that is slow at it; else empty.

    flags: `processor_flags()`; None, which is not known, says nothing.
    """
    if flags is None or HAVE_BF16 & set(flags):
        return ""
    slow = [job for job in jobs if _trains_in_bf16(job[0]) and store.state(job[0].id) not in ENDED]
    if not slow:
        return ""
    device, name = device_and_name(machine.device)
    if device != "cpu":
        return ""
    pricing, by_label = Pricing(store, machine, name, 1), {job[0].label: job for job in slow}
    known = {label: bf16_slowdown(job, pricing) for label, job in by_label.items()}
    labels = [label for label, times in known.items() if times is None or times > 1]
    if not labels:
        return ""
    measured = {label: times for label in labels if (times := known[label]) is not None}
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
    """How many times as long as in fp32 a run trains, by records of like runs or by probes, of this machine; None where
    not both are there, or seconds are the budget."""
    run, metrics = job
    train = run.config.train
    if train.seconds is not None:
        return None
    config = run.config.model_copy(update={"train": train.model_copy(update={"precision": "fp32"})})
    ours, theirs = (pricing.price(Run(run.id, run.label, each), metrics) for each in (run.config, config))
    return ours.train / theirs.train if ours and theirs and theirs.train else None


def _span(values: Collection[float]) -> str:
    """7.3, or 7.3 to 26"""
    low, high = (f"{value:.2g}" for value in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"
