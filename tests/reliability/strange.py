"""Hypothesis strategies for input as nobody should write it: values, YAML files, overrides and search spaces."""

# ruff: noqa: E501 (lists of words are easier to read in few lines)

from __future__ import annotations

import copy
import datetime
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import yaml
from harness import ROOT
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from bench.config import RunConfig
from bench.measure.metrics import METRICS
from bench.scales import SCALES
from bench.study.hypotheses import COSTS

STUDIES = sorted((ROOT / "ablations").glob("*.yaml"))
SEARCHES = sorted((ROOT / "ablations" / "search").glob("*.yaml"))
PATHS = [
    name if not hasattr(field.annotation, "model_fields") else f"{name}.{inner}"
    for name, field in RunConfig.model_fields.items()
    for inner in getattr(field.annotation, "model_fields", {"": None})
]
"""Of the config's fields."""

WORDS = [
    "", " ", ".", "..", "a.b", ".a", "a..b", "../..", "/etc/passwd", "~nobody-of-this-name/x", "CON", "a\nb", "a\tb", "\x00",
    "\x07", "\ud800", "\u202e", "\ufeff", "é" * 300, "x" * 5000, "💥", "???", "${train.steps}", "${oc.env:HOME}", "${", "}",
    "${oc.decode:1}", "${..}", "\\${a}", "nan", "1e400", "-.inf", "<", " = ", "a > b", "a = b within 1e400%", "a = b within 1",
    "gan", "gray", "telea", "os:system", ":", "a:", ":a", "..:x", "os.path:join", "a:b:c", "builtins:eval", "\x00:x", "mine:Mine",
    "psnr", "psnr@50%", "psnr@999%", "steps_to_psnr", "macs", "<= 1", ">= 1e400", "control", "ground truth", "input", "null",
    "photos", "folder", "places365", "inpainting", "colorization", "linear", "batch", "none", "full", "tpe", "grid", "wilcoxon",
]  # fmt: skip
NUMBERS = [
    0, 1, -1, 2, 3, 64, 1000, 1001, 2**31, 2**53, 2**63, 2**64, 10**30, -(10**30), 10**400, -(10**400),
    0.0, -0.0, 0.5, 1.0, 1e-320, 1e-12, 1e300, float("inf"), float("-inf"), float("nan"), True, False, None,
]  # fmt: skip
LARGE: dict[str, Callable[[], Any]] = {
    "a long list": lambda: list(range(5000)),
    "many keys": lambda: {f"k{i}": i for i in range(3000)},
    "lists in lists": lambda: [[[[i] for i in range(10)] for _ in range(10)] for _ in range(10)],
    "many names": lambda: {f"v{i}": {"train.d_steps": i + 1} for i in range(1200)},
}


def _deep(depth: int, is_list: bool) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value] if is_list else {"a": value}
    return value


def mostly(usual: SearchStrategy[Any], odd: SearchStrategy[Any]) -> SearchStrategy[Any]:
    """Seven times of eight the usual, so that a mistake is not hidden behind another."""
    return st.integers(0, 7).flatmap(lambda n: usual if n else odd)


words = st.sampled_from([word for word in WORDS if word.isprintable() and len(word) < 50]) | st.text(
    "ab .=<>@%$[]0", max_size=6
)
texts: SearchStrategy[str] = mostly(
    words, st.sampled_from(WORDS) | st.text(st.characters(exclude_categories=()), max_size=20)
)
figures = st.sampled_from([n for n in NUMBERS if isinstance(n, float) or abs(n or 0) < 2**63]) | st.integers(-3, 300)
leaves: SearchStrategy[Any] = mostly(
    figures | words,
    st.sampled_from(NUMBERS)
    | texts
    | st.integers()
    | st.floats()
    | st.dates(datetime.date(1, 1, 1))
    | st.datetimes()
    | st.binary(max_size=8),
)
names = st.sampled_from(
    [*PATHS, *RunConfig.model_fields, "low", "high", "log", "step", "kind", "start", "end", "at", "name", "grid"]
)
keys: SearchStrategy[Any] = mostly(
    names | words, texts | st.sampled_from([1, None, 2.5, True, datetime.date(2020, 1, 1), "<<", "="])
)
values: SearchStrategy[Any] = mostly(
    st.recursive(
        leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(keys, inner, max_size=4), max_leaves=8
    ),
    st.sampled_from(sorted(LARGE)).map(lambda name: LARGE[name]())
    | st.builds(_deep, st.integers(1, 60), st.booleans()),
)


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """(container, key or index) of everything in a YAML's content."""
    if isinstance(value, dict | list):
        for key in value if isinstance(value, dict) else range(len(value)):
            yield value, key
            yield from _places(value[key])


@st.composite
def changed(draw: DrawFn, originals: list[Path]) -> str:
    """A shipped file with one to three of its values replaced, removed, renamed, doubled or taken from another."""
    content = yaml.safe_load(draw(st.sampled_from(originals)).read_text())
    for _ in range(draw(st.integers(1, 3))):
        places = list(_places(content))
        container, key = places[draw(st.integers(0, len(places) - 1))]
        action = draw(st.sampled_from(["replace", "replace", "remove", "add", "rename", "splice"]))
        if action == "replace":
            container[key] = draw(values)
        elif action == "remove":
            del container[key]
        elif action == "add" and isinstance(container, dict):
            container[draw(keys)] = draw(values)
        elif action == "add":
            container.append(copy.deepcopy(draw(values | st.sampled_from(container))))
        elif action == "rename" and isinstance(container, dict):
            container[draw(keys)] = container.pop(key)
        else:
            other = list(_places(yaml.safe_load(draw(st.sampled_from(originals)).read_text())))
            inside, at = other[draw(st.integers(0, len(other) - 1))]
            container[key] = copy.deepcopy(inside[at])
        if not content:
            break
    return dumped(content)


def dumped(content: Any) -> str:
    """As YAML, whatever the keys are; aliases where values are shared."""
    return yaml.safe_dump(content, sort_keys=False, width=100)


BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30))
MERGES = "m0: &m0 {x: 1}\n" + "".join(f"m{i}: &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * 9)}]}}\n" for i in range(1, 30))
FRAGMENTS = [
    "!!python/object/apply:os.system ['touch pwned']", "!!python/name:os.system", "!!python/object/new:os.system [x]",
    "!!python/module:os", "!mine", "!!binary '*'", "!!timestamp x", "!!int x", "!!int ''", "!!float x", "!!bool x", "!!set {a}",
    "!!omap [a: 1]", "!!pairs [a: 1]", "!!null x", "!!str 1", "!!map []", "!!seq {}", "&a [*a]", "&a {b: *a}", "*nowhere", "&a", BOMB,
    MERGES, "\t", "\ufeff", "\x00", "\x85", "\u2028", "%YAML 9.9\n", "%TAG ! x\n", "---\n", "...\n", "<<: ", "<<: 3\n", "<<: [1]\n",
    "? ", "? [a, b]\n: c\n", "? {a: b}\n: c\n", "- ", ": ", "[" * 3000, "{" * 3000, "- " * 3000, "? " * 3000, "a: {" * 2000,
    "1:" * 3000 + "1", "9" * 5000, "0x" + "f" * 5000, "1e999", "2020-99-99", "2020-01-01", "'", '"', '"\\ud800"', '"\\x00"', "|\n", ">\n",
    "# x\n", "@", "`", "=", "~", "\r", "on", "1_000",
]  # fmt: skip


@st.composite
def broken(draw: DrawFn, originals: list[Path]) -> bytes:
    """A shipped file with its text or its bytes cut, flipped, doubled, or with something put in between."""
    content = draw(st.sampled_from(originals)).read_bytes()
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(content)))
        until = draw(st.integers(at, min(len(content), at + 60)))
        action = draw(st.sampled_from(["truncate", "remove", "double", "insert", "insert", "insert", "flip", "line"]))
        if action == "truncate":
            content = content[:at]
        elif action == "remove":
            content = content[:at] + content[until:]
        elif action == "double":
            content = content[:until] + content[at:]
        elif action == "flip":
            content = content[:at] + draw(st.binary(max_size=4)) + content[at + 1 :]
        else:
            if action == "line":  # where a key begins, or a value
                at = content.rfind(draw(st.sampled_from([b"\n", b": ", b"["])), 0, at) + 2
            content = content[:at] + draw(st.sampled_from(FRAGMENTS)).encode() + content[at:]
    return content


own_keys = st.sampled_from(
    ["seeds", "baselines", "baseline_seeds", "metrics", "seed", "method", "task", "train", "loss.l1"]
)
spelled = (
    leaves.map(str)
    | st.sampled_from([
        "[1,2", "{a: 1}", "[gray, telea]", "{kind: linear, start: 1, end: 0}", "!!python/object/apply:os.system ['touch pwned']",
        "&a [*a]", "${a.b}", "${oc.env:HOME}", "${oc.env:NOWHERE}", "${oc.create:{}}", "${seed}", "${train}", "???", "'", '"', "[" * 2000,
        "1:" * 3000 + "1", "9" * 5000, "[0, " + ", ".join(map(str, range(2000))) + "]", "1e-3", "{a: {b: {c: 1}}}", "null", "[null]",
        "{1: 2}", "{null: 1}", "[2020-01-01]", "[" + "gray, " * 500 + "]", "[a: 1]", "|", "> x", "- x", "a: b",
    ])
)  # fmt: skip
overrides: SearchStrategy[str] = (
    st.builds(lambda key, value: f"{key}={value}", st.sampled_from(PATHS) | own_keys, spelled)
    | st.builds(lambda key, value: f"{key}={value}", st.sampled_from(PATHS) | own_keys, leaves)
    | st.builds(lambda key, value: f"{key}={value}", texts, spelled)
    | st.builds(lambda key, more: f"{key}.{more}=1", st.sampled_from(PATHS) | own_keys, texts)
    | st.sampled_from(["a.b.c=", "=x", "=", "==", ".=", "a", ".", "train.=1", "train..steps=1", "train[steps]=1", "a." * 2000 + "b=1",
                       "train." * 500 + "x=1", "train.steps==", "train.steps=1=2", "+train.steps=1", "~train.steps", "--x=1"])
    | texts
)  # fmt: skip

numbers = mostly(figures | st.sampled_from([1e-4, 1e-2, 8, 16]), leaves)
ranges = st.fixed_dictionaries(
    {"low": numbers, "high": numbers}, optional={"log": st.booleans(), "step": numbers, "x": leaves}
)
entries: SearchStrategy[Any] = mostly(ranges | st.lists(leaves, max_size=4), values)
blocks = st.dictionaries(words, st.dictionaries(st.sampled_from(PATHS) | keys, entries, max_size=3), max_size=3)
spaces: SearchStrategy[Any] = st.dictionaries(
    st.sampled_from(PATHS), entries, min_size=1, max_size=3
) | st.dictionaries(
    keys,
    entries | blocks | st.dictionaries(words, st.dictionaries(words, blocks, max_size=2), max_size=2),
    min_size=1,
    max_size=3,
)


@st.composite
def searched(draw: DrawFn) -> str:
    """A search with a space, goals and counts of its own."""
    content = yaml.safe_load(draw(st.sampled_from(SEARCHES)).read_text())
    content["space"] = draw(spaces) if draw(st.booleans()) else content["space"] | draw(spaces)
    quantities = st.sampled_from([*METRICS, *COSTS, "parameters", "x"])
    if draw(st.booleans()):
        content["objectives"] = draw(mostly(quantities | st.lists(quantities, min_size=1, max_size=3), values))
    if draw(st.booleans()):
        content["constraints"] = draw(mostly(st.dictionaries(quantities, texts | leaves, max_size=3), values))
    for key in draw(st.sets(st.sampled_from(["sampler", "pruner", "trials", "timeout", "seeds", "seed"]), max_size=3)):
        named = {
            "sampler": ["tpe", "gp", "nsga2", "random", "grid"],
            "pruner": ["median", "hyperband", "wilcoxon", "none"],
        }
        content[key] = draw(mostly(st.sampled_from(named.get(key, [1, 2, 3, 40, 2000, 10**9])), leaves))
    if draw(st.booleans()):
        content["sampler"] = "grid"
    return dumped(content)


scales = st.sampled_from(sorted(SCALES))
