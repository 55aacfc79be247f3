"""What the runs of a store are made of: config, data, schema, code; read without opening any data."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from bench.data.dataset import open_dataset
from bench.store.run_store import SCHEMA, RunStore, schema_and_code
from bench.study.study import Run, method_code


@dataclass(frozen=True)
class RunIdentity:
    """All that a run's id is made of, with what is known besides."""

    id: str
    config: dict[str, Any]
    """RunConfig.identity()."""
    data: dict[str, Any]
    """Dataset.describe(), of which the fingerprint alone is in the id."""
    schema: int | None
    """None: not known."""
    code: str | None
    """`method_code` of the time; None: not known."""
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
    def like(self) -> str:
        """What runs that differ in the seed alone have in common."""
        alike = [self.config | {"seed": None}, self.fingerprint, self.schema, self.code]
        return json.dumps(alike, sort_keys=True)


def made_of_all(runs: Iterable[Run]) -> list[RunIdentity]:
    """Those of several runs; each data set is opened once."""
    opened: dict[Any, dict[str, Any]] = {}
    found = []
    for run in runs:
        if run.config.data not in opened:
            opened[run.config.data] = open_dataset(run.config.data).describe()
        code = method_code(run.config.method)
        found.append(RunIdentity(run.id, run.config.identity(), opened[run.config.data], SCHEMA, code, {}))
    return found


def stored_runs(store: RunStore) -> dict[str, RunIdentity]:
    """Run id -> what it is made of, for every folder of the store with a readable run.json."""
    found = {name: _stored(store, name) for name in store.runs()}
    return {name: made for name, made in found.items() if made is not None}


def _stored(store: RunStore, name: str) -> RunIdentity | None:
    try:
        content: dict[str, Any] = store.read(name, "run") or {}
        config, data = content["config"], content["data"]
        made = RunIdentity(
            name, config, data, content.get("schema"), content.get("method_code"), content.get("provenance") or {}
        )
        return made if made.schema is not None and made.code is not None else _guessed(made)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):  # damaged, or not there yet
        return None


def _guessed(made: RunIdentity) -> RunIdentity:
    """With the schema and code that give its id, for a run that was stored before these were written down."""
    codes = [made.code] if made.code is not None else ["", _code_today(str(made.config["method"]))]
    found = schema_and_code(made.id, made.config, made.fingerprint, made.schema, codes)
    return made if found is None else replace(made, schema=found[0], code=found[1])


def _code_today(method: str) -> str:
    try:
        return method_code(method)
    except ValueError:  # its file is not here
        return ""
