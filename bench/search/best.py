"""The winner of a search against the default, as the YAML of a study."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import yaml

from bench.errors import InputError
from bench.search.proposals import random_values
from bench.search.search import Search
from bench.search.space import TRIES
from bench.study.layers import difference, merge, nested
from bench.study.load import load_study
from bench.study.yaml_values import Dumper

DEFAULT, BEST = "default", "best"
"""The variants of the study; the second is its name too."""


def check_best(search: Search) -> None:
    """Before any trial: that the comparison at the end will be a study. Raises InputError."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{BEST}.yaml"
        path.write_text(best_yaml(search, _any_changes(search), []), encoding="utf-8")
        _, scale, data, _, _ = search.recipe
        try:
            load_study(path, scale, data)
        except InputError as error:
            problem = re.sub(r"^\S*best\.yaml(:\d+)?: ", "", str(error))
            raise search.located.error(("confirm",), f"the comparison would be no study: {problem}") from None


def _any_changes(search: Search) -> dict[str, Any]:
    """Of some valid config that is not the default."""
    for seed in range(TRIES):
        assigned = random_values(search.space, seed)
        try:
            if search.config(assigned).identity() != search.default.identity():
                return {path: value for path, (value, _) in assigned.items()}
        except InputError:
            continue
    raise search.located.error(("space",), "hardly any config of it is valid, or differs from the default")


def best_yaml(search: Search, changes: dict[str, Any], equal: Collection[str]) -> str:
    """The winner against the default as a study that `bench run` takes, whole in itself at the search's scale. `equal`
    are costs in which the two do not differ, of which nothing is expected."""
    file, confirm = search.file, search.file.confirm
    scores = list(dict.fromkeys([*search.metrics, *confirm.metrics]))
    content: dict[str, Any] = {
        "title": f"{file.title}: the best config with fresh seeds",
        "claim": {"text": file.question},
        "base": _base(search),
        "axes": {"model": {DEFAULT: {}, BEST: changes}},
        "control": {"model": DEFAULT},
        "seeds": search.fresh_seeds,
        "baselines": confirm.baselines,
        "baseline_seeds": confirm.baseline_seeds,
        "metrics": scores,
        "hypotheses": [h for h in _hypotheses(search) if not set(h) & set(equal)],
    }
    content = {key: value for key, value in content.items() if value not in (None, [], {})} | {"metrics": scores}
    head = f"# Written by `{search.command}`: the winner of the search, held against the default.\n"
    return head + yaml.dump(content, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110)


def _hypotheses(search: Search) -> Iterator[dict[str, str]]:
    """Of the objectives, which are what the search asks: the winner is better than the default, and in scores than each
    baseline. Other metrics are shown; a hypothesis on each would cost the question power (Holm)."""
    signs = {"higher": ">", "lower": "<"}
    for objective in search.objectives:
        for other in (DEFAULT, *search.file.confirm.baselines):
            if other == DEFAULT or not objective.is_cost:
                yield {objective.quantity: f"{BEST} {signs[objective.direction]} {other}"}


def _base(search: Search) -> dict[str, Any]:
    """The default's config over the scale's, on photographs that no trial was judged on."""
    scale = merge(search.layers[:1])
    default = search.confirmed_default()
    changed = {path: new for path, (_, new) in difference(default, scale).items()}
    if default.data.path is not None and "--data" not in search.arguments:
        changed["data.path"] = default.data.path
    elif "--data" in search.arguments:
        changed.pop("data.name", None)
    if default.train.validations != scale.train.validations:
        changed["train.validations"] = default.train.validations
    if any(path.startswith("loss.l1.") for path in changed):  # which is given whole, so that its kind may change
        changed = {path: value for path, value in changed.items() if not path.startswith("loss.l1.")}
        changed["loss.l1"] = default.loss.l1.model_dump(mode="json", exclude_none=True)
    base: dict[str, Any] = {}
    for path, value in changed.items():
        _put(base, nested(path, value))
    return base


def _put(into: dict[str, Any], values: dict[str, Any]) -> None:
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _put(into[key], value)
        else:
            into[key] = value
