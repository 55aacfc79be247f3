"""Measurements for the report alone: prices against actual times, and what leases and Ray cost a run."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import pytest
from harness import ROOT

from bench.store.run_store import RunStore

pytestmark = pytest.mark.slow
Measured = Callable[[str, str, str], None]
PLANNED = {
    "pooling": ("small", ["seeds=2"]),
    "gan_loss": ("small", ["seeds=2"]),
    "tiling": ("tiny", ["train.steps=100"]),
}


@pytest.mark.parametrize("name", PLANNED)
def test_prices_are_within_a_fifth_of_what_runs_take(name: str, measured: Measured) -> None:
    from plan_against_actual import row

    scale, changes = PLANNED[name]
    found = row(ROOT / "ablations" / f"{name}.yaml", scale, changes, 2, "wall")
    what = f"price of {name} over what it took"
    value = f"{found['ratio']:.2f} ({found['priced_seconds']:.0f} s over {found['actual_seconds']:.0f} s)"
    measured(what, value, f"bench plan --probe, then bench run: {found['asked']}; {found['runs']} runs, n = 1")
    assert 0.8 <= found["ratio"] <= 1.2


def test_a_lease_costs_little(tmp_path: Path, measured: Measured) -> None:
    store, rounds = RunStore(tmp_path), 200
    taken, written, plain = [], [], []
    for index in range(rounds):
        began = time.perf_counter()
        with store.claim(f"{index:016x}") as mine:
            taken.append(time.perf_counter() - began)
            assert mine
            began = time.perf_counter()
            store.write(f"{index:016x}", "outcome", {"state": "done"})
            written.append(time.perf_counter() - began)
            began = time.perf_counter()
            (tmp_path / "plain.json").write_text('{"state": "done"}')
            plain.append(time.perf_counter() - began)
    with_release = f"taking and clearing the folder, n = {rounds}"
    measured("a lease, once a run", _milliseconds(taken), with_release)
    measured("a record with its checksum, fsync and lease check", _milliseconds(written), f"n = {rounds}, ~12 a run")
    measured("the same bytes without any of it", _milliseconds(plain), f"n = {rounds}, interleaved")


@pytest.mark.ray
def test_ray_costs_a_run_little(measured: Measured) -> None:
    from ray_overhead import overhead

    found = overhead(5)
    for name, spread in found["seconds_per_run"].items():
        words = {"local": "a tiny run by one local process", "ray": "by one Ray node", "difference": "what Ray adds"}
        text = f"{spread['median']:.2f} s [{spread['least']:.2f}, {spread['greatest']:.2f}]"
        measured(
            f"{words[name]}, per run", text, f"{found['runs']} runs a round, n = {found['rounds']} rounds, by turns"
        )
    spread = found["seconds_to_connect"]
    text = f"{spread['median']:.2f} s [{spread['least']:.2f}, {spread['greatest']:.2f}]"
    measured("to connect to Ray, once a command", text, f"n = {found['rounds']}")


def _milliseconds(seconds: list[float]) -> str:
    return f"{1000 * median(seconds):.2f} ms [{1000 * min(seconds):.2f}, {1000 * max(seconds):.2f}]"
