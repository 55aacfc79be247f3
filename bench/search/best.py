"""The final comparison: a study of the winner against the default, as YAML."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import yaml

from bench.errors import InputError
from bench.search.proposals import TRIES, random_values
from bench.search.search import Search
from bench.study.axes import merge_deep
from bench.study.layers import difference, merge, nested
from bench.study.load import load_study
from bench.study.yaml_values import Dumper

DEFAULT, BEST = "default", "best"
"""The variants of the study, which is itself called `best`."""


def check_best(search: Search) -> None:
    """Check that the final comparison will be a valid study, before any trial. Raises InputError."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{BEST}.yaml"
        path.write_text(best_yaml(search, _any_changes(search), []), encoding="utf-8")
        try:
            load_study(path, search.scale, search.arguments.data)
        except InputError as error:
            problem = re.sub(r"^\S*best\.yaml(:\d+)?: ", "", str(error))
            raise search.located.error(
                ("confirm",), f"the final comparison would not be a valid study: {problem}"
            ) from None


def _any_changes(search: Search) -> dict[str, Any]:
    """The changes of some valid config other than the default. Raises InputError."""
    for seed in range(TRIES):
        assigned = random_values(search.space, seed)
        try:
            if search.config(assigned).identity() != search.default.identity():
                return {path: value for path, (value, _) in assigned.items()}
        except InputError:
            continue
    raise search.located.error(("space",), f"none of {TRIES} random configs is valid and differs from the default")


def best_yaml(search: Search, changes: dict[str, Any], equal: Collection[str]) -> str:
    """The winner against the default as a study for `bench run`, complete at the search's scale. There is no hypothesis
    about the costs in `equal`, in which the two do not differ."""
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
    head = f"# Written by `{search.command}`: the winner of the search against the default.\n"
    return head + yaml.dump(content, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=110)


def _hypotheses(search: Search) -> Iterator[dict[str, str]]:
    """The winner beats the default in every objective, and every baseline in those that are scores. Other metrics are
    only shown: a hypothesis about each would cost these power (Holm)."""
    signs = {"higher": ">", "lower": "<"}
    for objective in search.objectives:
        for other in (DEFAULT, *search.file.confirm.baselines):
            if other == DEFAULT or not objective.is_cost:
                yield {objective.quantity: f"{BEST} {signs[objective.direction]} {other}"}


def _base(search: Search) -> dict[str, Any]:
    """The default's config as changes of the scale's, on photographs that judged no trial."""
    scale = merge(search.layers[:1])
    default = search.confirmed_default()
    changed = {path: new for path, (_, new) in difference(default, scale).items()}
    if search.arguments.data is not None:  # the command that runs the study names the data too
        changed.pop("data.name", None)
    elif default.data.path is not None:
        changed["data.path"] = default.data.path
    if default.train.validations != scale.train.validations:
        changed["train.validations"] = default.train.validations
    # The schedule is written in full: a change of its kind changes which fields it has.
    if any(path.startswith("loss.l1.") for path in changed):
        changed = {path: value for path, value in changed.items() if not path.startswith("loss.l1.")}
        changed["loss.l1"] = default.loss.l1.model_dump(mode="json", exclude_none=True)
    base: dict[str, Any] = {}
    for path, value in changed.items():
        base = merge_deep(base, nested(path, value))
    return base
