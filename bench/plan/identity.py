"""What a run's id is the hash of: config, data, schema and code; for stored runs, read without opening any data."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from bench.data.dataset import open_dataset
from bench.store.run_store import SCHEMA, RunStore
from bench.study.study import Run, method_code


@dataclass(frozen=True)
class RunIdentity:
    """Everything that a run's id is the hash of, and where the run was made."""

    id: str
    config: dict[str, Any]
    """RunConfig.identity()."""
    data: dict[str, Any]
    """Dataset.describe(); only its fingerprint is part of the id."""
    schema: int
    code: str
    """`method_code` when the run was made."""
    provenance: dict[str, Any]

    @property
    def fingerprint(self) -> str:
        return str(self.data.get("fingerprint", ""))

    @property
    def seed(self) -> int:
        return int(self.config.get("seed", 0))

    @cached_property
    def key(self) -> str:
        """The config as one string."""
        return json.dumps(self.config, sort_keys=True)

    @cached_property
    def seedless_key(self) -> str:
        """The same for runs that differ only in the seed."""
        parts = [self.config | {"seed": None}, self.fingerprint, self.schema, self.code]
        return json.dumps(parts, sort_keys=True)


def identities_of(runs: Iterable[Run]) -> list[RunIdentity]:
    """The identities of runs that a study asks for. Opens each data set once."""
    opened: dict[Any, dict[str, Any]] = {}
    identities = []
    for run in runs:
        if run.config.data not in opened:
            opened[run.config.data] = open_dataset(run.config.data).describe()
        code = method_code(run.config.method)
        identities.append(RunIdentity(run.id, run.config.identity(), opened[run.config.data], SCHEMA, code, {}))
    return identities


def stored_runs(store: RunStore) -> dict[str, RunIdentity]:
    """Run id -> identity, for every folder of the store with a readable run.json."""
    identities = {run: _stored_identity(store, run) for run in store.runs()}
    return {run: identity for run, identity in identities.items() if identity is not None}


def _stored_identity(store: RunStore, run: str) -> RunIdentity | None:
    try:
        content: dict[str, Any] = store.read(run, "run") or {}
        parts = (content[name] for name in ("config", "data", "schema", "method_code", "provenance"))
        return RunIdentity(run, *parts)
    except (OSError, TypeError, KeyError):  # damaged, not there yet, or JSON of something else
        return None
