"""What made a run new although it looks like an old one."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from baselines.custom import is_outside
from baselines.weights import base_of
from bench.config import RunConfig
from bench.errors import InputError
from bench.plan.identity import RunIdentity, made_of_all, stored_runs
from bench.store.run_store import RunStore
from bench.study.layers import flatten
from bench.study.study import Run

SHOWN = 5  # of the runs that an ambiguous name may mean
OF_DATA = ("name", "train_images", "train_photographs", "val_images", "val_photographs", "split_rule")
DEFAULTS = flatten(RunConfig().model_dump(mode="json"))


@dataclass(frozen=True)
class Difference:
    """Something that a run's id is made of, in the old run and in this one."""

    what: str
    old: Any
    new: Any

    def __str__(self) -> str:
        old, new = ("null" if value is None else value for value in (self.old, self.new))
        return f"{self.what}: {old} -> {new}"


def why(name: str, runs: Sequence[Run], store: RunStore) -> list[str]:
    """The answer, in lines. name: of a run of these or of the store, a run id or how one begins, or "LABEL, seed N".
    Raises InputError for one that is unknown or ambiguous."""
    stored = stored_runs(store)
    asked = {made.id: made for made in made_of_all(runs)}
    labels = {run.id: run.label for run in runs}
    made = (asked | stored)[_found(name, runs, stored, store)]
    made = asked.get(made.id, made)
    lines = [_first_line(made, labels, store)]
    others = [other for other in stored.values() if other.id != made.id]
    if not others:
        return [*lines, f"nothing like it is in {store.root}"]

    def distance(other: RunIdentity) -> tuple[int, bool, bool, bool, bool, str]:
        is_of_another = labels.get(other.id) != labels.get(made.id)
        is_unfinished = store.state(other.id) not in ("done", "diverged")
        config, seed = other.config != made.config, other.seed != made.seed
        return len(differences(other, made)), config, seed, is_of_another, is_unfinished, other.id

    nearest = min(others, key=distance)
    found = differences(nearest, made)
    if len(found) > len(made.config) and nearest.config.get("method") != made.config.get("method"):
        return [*lines, f"nothing like it is in {store.root}: the nearest, {nearest.id}, differs in {len(found)} ways"]
    lines.append(f"most like it is {_called(nearest, labels)}, {_since(nearest, store)}; it differs in, old -> new:")
    return lines + [f"  {difference}" for difference in found] + _data_lines(nearest, made)


def differences(old: RunIdentity, new: RunIdentity) -> list[Difference]:
    """Config fields by path, then the data's fingerprint, the schema version, the method's code."""
    theirs, ours = DEFAULTS | flatten(old.config), DEFAULTS | flatten(new.config)
    found = [Difference(path, theirs.get(path), ours.get(path)) for path in {**theirs, **ours}]
    found = [difference for difference in found if difference.old != difference.new]
    if old.fingerprint != new.fingerprint:
        found.append(Difference("data fingerprint", old.fingerprint, new.fingerprint))
    method = str(new.config.get("method", ""))
    if is_outside(method) and old.code is None:  # else its schema would be known: its id fits no code that is here
        found.append(Difference(f"code of {method}", "unknown", new.code))
    elif old.schema != new.schema:
        found.append(Difference("schema version", old.schema or "unknown", new.schema or "unknown"))
    same_method = old.config.get("method") == new.config.get("method")
    if None not in (old.code, new.code) and old.code != new.code and same_method:
        found.append(_of_code(method, str(old.code), str(new.code)))
    return found


def _of_code(method: str, old: str, new: str) -> Difference:
    if is_outside(method):
        return Difference(f"code of {method}", old or "none", new or "none")
    if base_of(method):
        return Difference("authors' weights", old or "none", new or "none")
    return Difference(f"version of the code of {method}", old or "1", new or "1")


def _found(name: str, runs: Sequence[Run], stored: Mapping[str, RunIdentity], store: RunStore) -> str:
    """The id of the run that is meant."""
    named = {run.id: f"{run.label}, seed {run.config.seed}" for run in runs}
    found = [run.id for run in runs if name in (named[run.id], run.label)]
    if not found and re.fullmatch(r"[0-9a-f]{1,16}", name):
        found = [known for known in dict.fromkeys([*named, *stored]) if known.startswith(name)]
    if len(found) > 1:
        shown = "; ".join(f"{known} ({named[known]})" if known in named else known for known in found[:SHOWN])
        more = f"; and {len(found) - SHOWN} more" if len(found) > SHOWN else ""
        raise InputError(f"command line: {name!r} may be any of {len(found)} runs: {shown}{more}")
    if not found:
        raise InputError(
            f"command line: no run is called {name!r}, in {store.root} or the studies that are given ({len(runs)} "
            'runs); give an id that bench plan shows, how one begins, or with its study "LABEL, seed N"'
        )
    return found[0]


def _first_line(made: RunIdentity, labels: Mapping[str, str], store: RunStore) -> str:
    state = store.state(made.id)
    if state == "done":
        return f"{_called(made, labels)} is cached: the store has it, the same in all, {_since(made, store)}"
    if state == "new":
        return f"{_called(made, labels)} is new: nothing in {store.root} has this id"
    return f"{_called(made, labels)} is in {store.root}: {state}"


def _called(made: RunIdentity, labels: Mapping[str, str]) -> str:
    label = f"{labels[made.id]}, " if made.id in labels else ""
    return f"run {made.id} ({label}seed {made.seed})"


def _since(made: RunIdentity, store: RunStore) -> str:
    """done since 2026-01-31 12:00"""
    outcome = store.folder(made.id) / "outcome.json"
    when = f" since {datetime.fromtimestamp(outcome.stat().st_mtime):%Y-%m-%d %H:%M}" if outcome.exists() else ""
    return f"{store.state(made.id)}{when}"


def _data_lines(old: RunIdentity, new: RunIdentity) -> list[str]:
    """What is known of both data sets, where they are not the same."""
    if old.fingerprint == new.fingerprint:
        return []
    known = [Difference(key, old.data.get(key), new.data.get(key)) for key in OF_DATA]
    found = [f"    data.{difference}" for difference in known if difference.old != difference.new]
    return found or ["    as many photographs, split by the same rule: the content of some of them changed"]
