"""Why a run is new although the store has one that looks the same: the stored run nearest to it, and what differs."""

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
from bench.plan.identity import RunIdentity, identities_of, stored_runs
from bench.store.run_store import ENDED, SCHEMA, RunStore
from bench.study.layers import flatten
from bench.study.study import Run

SHOWN = 5  # of the runs that an ambiguous name may mean
DATA_KEYS = ("name", "train_images", "train_photographs", "val_images", "val_photographs", "split_rule")
DEFAULTS = flatten(RunConfig().model_dump(mode="json"))
"""For fields that the config of a run of another schema lacks."""


@dataclass(frozen=True)
class Difference:
    """Something that a run's id is the hash of, in the old run and in the new one."""

    name: str
    old: Any
    new: Any

    def __str__(self) -> str:
        old, new = ("null" if value is None else value for value in (self.old, self.new))
        return f"{self.name}: {old} -> {new}"


def why(name: str, runs: Sequence[Run], store: RunStore) -> list[str]:
    """The answer, in lines. name: a run id, its first digits, or "LABEL, seed N", of these runs or of the store's.
    Raises InputError for a name that is unknown or ambiguous."""
    stored = stored_runs(store)
    planned = {identity.id: identity for identity in identities_of(runs)}
    labels = {run.id: run.label for run in runs}
    identity = (stored | planned)[_named_run(name, runs, stored, store)]
    lines = [_first_line(identity, labels, store)]
    others = [other for other in stored.values() if other.id != identity.id]
    if not others:
        return [*lines, f"{store.root} has no other run to compare it with"]

    def distance(other: RunIdentity) -> tuple[int, bool, bool, bool, bool, str]:
        has_other_label = labels.get(other.id) != labels.get(identity.id)
        is_unfinished = store.state(other.id) not in ENDED
        config, seed = other.config != identity.config, other.seed != identity.seed
        return len(differences(other, identity)), config, seed, has_other_label, is_unfinished, other.id

    nearest = min(others, key=distance)
    changes = differences(nearest, identity)
    if len(changes) > len(identity.config) and nearest.config.get("method") != identity.config.get("method"):
        return [
            *lines,
            f"{store.root} has no similar run: the nearest, {nearest.id}, differs in {len(changes)} ways",
        ]
    schema = "" if nearest.schema == SCHEMA else f", made under schema {nearest.schema}"
    title = f"the nearest is {_called(nearest, labels)}, {_since(nearest, store)}{schema}; old -> new:"
    return [*lines, title, *(f"  {change}" for change in changes), *_data_lines(nearest, identity)]


def differences(old: RunIdentity, new: RunIdentity) -> list[Difference]:
    """Config fields by path, then the data's fingerprint, the schema and the method's code."""
    before, after = DEFAULTS | flatten(old.config), DEFAULTS | flatten(new.config)
    changes = [Difference(path, before.get(path), after.get(path)) for path in {**before, **after}]
    changes += [
        Difference("data fingerprint", old.fingerprint, new.fingerprint),
        Difference("schema version", old.schema, new.schema),
    ]
    method = str(new.config.get("method", ""))
    if old.config.get("method") == method:
        changes.append(_code_difference(method, old.code, new.code))
    return [change for change in changes if change.old != change.new]


def _code_difference(method: str, old: str, new: str) -> Difference:
    if is_outside(method):
        return Difference(f"code of {method}", old or "none", new or "none")
    if base_of(method):
        return Difference("authors' weights", old or "none", new or "none")
    return Difference(f"version of the code of {method}", old or "1", new or "1")


def _named_run(name: str, runs: Sequence[Run], stored: Mapping[str, RunIdentity], store: RunStore) -> str:
    """The id of the run that the name means."""
    names = {run.id: f"{run.label}, seed {run.config.seed}" for run in runs}
    matches = [run.id for run in runs if name in (names[run.id], run.label)]
    if not matches and re.fullmatch(r"[0-9a-f]{1,16}", name):
        matches = [run_id for run_id in dict.fromkeys([*names, *stored]) if run_id.startswith(name)]
    if len(matches) > 1:
        shown = "; ".join(f"{match} ({names[match]})" if match in names else match for match in matches[:SHOWN])
        more = f"; and {len(matches) - SHOWN} more" if len(matches) > SHOWN else ""
        raise InputError(f"command line: {name!r} may mean any of {len(matches)} runs: {shown}{more}")
    if not matches:
        raise InputError(
            f"command line: no run is called {name!r}, neither in {store.root} nor in the given studies ({len(runs)} "
            'runs); give a run id that bench plan shows, its first digits, or with its study "LABEL, seed N"'
        )
    return matches[0]


def _first_line(identity: RunIdentity, labels: Mapping[str, str], store: RunStore) -> str:
    state = store.state(identity.id)
    if state == "done":
        return f"{_called(identity, labels)} is cached: {store.root} has this very run, {_since(identity, store)}"
    if state == "new":
        return f"{_called(identity, labels)} is new: {store.root} has no run with this id"
    return f"{_called(identity, labels)} is in {store.root}: {state}"


def _called(identity: RunIdentity, labels: Mapping[str, str]) -> str:
    label = f"{labels[identity.id]}, " if identity.id in labels else ""
    return f"run {identity.id} ({label}seed {identity.seed})"


def _since(identity: RunIdentity, store: RunStore) -> str:
    """done since 2026-01-31 12:00"""
    outcome = store.folder(identity.id) / "outcome.json"
    when = f" since {datetime.fromtimestamp(outcome.stat().st_mtime):%Y-%m-%d %H:%M}" if outcome.exists() else ""
    return f"{store.state(identity.id)}{when}"


def _data_lines(old: RunIdentity, new: RunIdentity) -> list[str]:
    """How the data sets' descriptions differ, where their fingerprints do."""
    if old.fingerprint == new.fingerprint:
        return []
    described = [Difference(key, old.data.get(key), new.data.get(key)) for key in DATA_KEYS]
    lines = [f"    data.{change}" for change in described if change.old != change.new]
    return lines or ["    the same number of photographs, split by the same rule: some of the images changed"]
