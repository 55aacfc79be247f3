"""How values are read, in files and on the command line: numbers are decimal, and names in quotes stay names."""

# ruff: noqa: E501 (lists of words are easier to read in few lines)

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness import ROOT, small_study

from bench.errors import InputError
from bench.search.load import load_search
from bench.study.layers import parse_override
from bench.study.load import load_study
from bench.study.yaml_lines import Located
from bench.study.yaml_values import Dumper, Loader

SHIPPED = sorted((ROOT / "ablations").rglob("*.yaml"))
READ: list[tuple[str, Any]] = [
    ("10", 10), ("0", 0), ("-3", -3), ("+1", 1), ("1_000", 1000), ("1_000_000", 1_000_000), ("9223372036854775807", 2**63 - 1),
    (".5", 0.5), ("5.", 5.0), ("1e3", 1000.0), ("1E3", 1000.0), (".5e3", 500.0), ("1e-3", 1e-3), ("-1.5e+3", -1500.0),
    ("0.10", 0.1), ("-.5", -0.5), (".inf", math.inf), ("-.INF", -math.inf), ("1_0.5", 10.5),
    ("yes", True), ("on", True), ("Off", False), ("no", False), ("true", True), ("~", None), ("null", None), ("", None),
    ("=", "="), ("<<", "<<"), ("'010'", "010"), ('"1:30"', "1:30"), ("'no'", "no"), ("'2024-01-01'", "2024-01-01"),
    ("1.2.3", "1.2.3"), ("3:4 and more", "3:4 and more"), ("0x", "0x"), ("0:30", "0:30"), ("[1, 'a', .5]", [1, "a", 0.5]),
]  # fmt: skip
REFUSED = [
    ("010", "010 is no decimal number, and YAML makes 8 of it"), ("0100", "YAML makes 64 of it"), ("-010", "YAML makes -8 of it"),
    ("08", "08 is no decimal number; write"), ("09_1", "09_1 is no decimal number"), ("0o10", "YAML makes 8 of it"),
    ("0x1F", "YAML makes 31 of it"), ("0X1F", "0X1F is no decimal number"), ("0b11", "YAML makes 3 of it"), ("00", "YAML makes 0 of it"),
    ("1:30", "YAML makes 90 of it"), ("1:30:00", "YAML makes 5400 of it"), ("1:30.5", "YAML makes 90.5 of it"), ("-1:30", "makes -90"),
    ("1__0", "1__0 is no decimal number"), ("1_", "1_ is no decimal number"), ("01.5", "01.5 is no decimal number"),
    ("!!int 010", "YAML makes 8 of it"), ("!!float '1:30'", "YAML makes 90.0 of it"),
    ("1:" * 3000 + "1", "is no decimal number; write"), ("2024-01-01", "put a date in quotes"),
    ("2024-01-01 10:00:00", "put a date in quotes"), ("!!binary aGk=", "a bytes is no value"), ("!!set {a}", "a set is no value"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "value"), READ)
def test_a_value_is_the_same_in_a_file_and_on_the_command_line(tmp_path: Path, text: str, value: Any) -> None:
    (tmp_path / "a.yaml").write_text(f"a: {text}\n")
    for read in (Located(tmp_path / "a.yaml").content["a"], parse_override(f"a={text}")[1]):
        assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_what_not_everybody_reads_alike_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "a.yaml").write_text(f"b: 1\na: {{c: [3, {text}]}}\n")
    with pytest.raises(InputError) as error:
        Located(tmp_path / "a.yaml")
    assert message in str(error.value)
    assert str(error.value).startswith(f"{tmp_path}/a.yaml:2: a.c[1]: ")
    with pytest.raises(InputError) as error:
        parse_override(f"a.b={text}")
    assert message in str(error.value)
    assert str(error.value).startswith("command line: ")


@pytest.mark.parametrize("key", ["no", "on", "1", "010", "08", "1:30", "~", "2024-01-01", ".5"])
def test_a_key_is_text(tmp_path: Path, key: str) -> None:
    (tmp_path / "a.yaml").write_text(f"a:\n  {key}: 3\n")
    with pytest.raises(InputError, match=r"is not; put it in quotes$") as error:
        Located(tmp_path / "a.yaml")
    assert str(error.value).startswith(f"{tmp_path}/a.yaml:2: a.{key}: a key is text, and ")
    (tmp_path / "a.yaml").write_text(f"a:\n  '{key}': 3\n")
    assert Located(tmp_path / "a.yaml").content == {"a": {key: 3}}


NAMES = [
    ("title: no", "title: input should be a valid string, not False; yes, no, on and off are booleans in YAML: put a name in"),
    ("title: 3", "title: input should be a valid string, not 3; put text in quotes"),
    ("title: ~", "title: input should be a valid string, not None; put text in quotes"),
    ("metrics: [on]", "metrics[0]: input should be a valid string, not True; yes, no, on and off are booleans"),
    ("baselines: [off]", "baselines[0]: input should be a valid string, not False; yes, no, on and off are booleans"),
    ("control: {generator.downsample: no}", "allowed: strided_conv, max_pool; yes, no, on and off are booleans"),
    ("axes: {generator.norm: [batch, off]}", "axes.generator.norm[1]: False is not allowed; allowed: batch, instance, none; yes,"),
    ("base: {train: {steps: yes}}", "base.train.steps: input should be a valid integer, not True; yes, no, on and off are booleans"),
    ("base: {data: {scales: [1, on]}}", "base.data.scales: input should be a valid number, not [1, True]; yes, no"),
    ("seeds: on", "seeds: input should be a valid integer, not True; yes, no"),
    ("seeds: [010, 1:30]", "seeds[0]: 010 is no decimal number"),
    ("base: {train: {learning_rate: .inf}}", "base.train.learning_rate: input should be a finite number, not inf"),
]  # fmt: skip


@pytest.mark.parametrize(("line", "message"), NAMES)
def test_a_name_without_quotes_says_so(tmp_path: Path, line: str, message: str) -> None:
    key = line.partition(":")[0]
    axes = {"control": {"generator.norm": "batch"}} if key == "axes" else {}
    path = small_study(tmp_path, **{key: None}, **axes)
    path.write_text(f"{path.read_text()}{line}\n")
    with pytest.raises(InputError) as error:
        load_study(path, "tiny")
    assert message in str(error.value)


def test_true_is_not_the_number_one_of_an_axis(tmp_path: Path) -> None:
    path = small_study(tmp_path, axes={"generator.depth": [1, 2]}, control={"generator.depth": True})
    with pytest.raises(InputError, match="True is not on the axis; allowed: 1, 2"):
        load_study(path, "tiny")


def test_a_section_of_the_paper_is_shown_as_it_is_written(tmp_path: Path) -> None:
    path = small_study(tmp_path, claim=None)
    path.write_text(f"{path.read_text()}claim: {{text: x, section: 3.10}}\n")
    assert load_study(path, "tiny").claim.section == "3.10"


def test_in_a_search_too(tmp_path: Path) -> None:
    text = (ROOT / "ablations/search/learning_rates.yaml").read_text()
    (tmp_path / "a.yaml").write_text(text.replace("\ntrials: ", "\ntrials: 0"))
    with pytest.raises(InputError, match=r"a.yaml:\d+: trials: 0\d+ is no decimal number"):
        load_search(tmp_path / "a.yaml", "tiny")


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.stem)
def test_shipped_files_mean_what_any_yaml_reader_takes_them_for(path: Path) -> None:
    class Numbers(yaml.SafeLoader):
        """Only knows 1e-3 besides."""

    Numbers.add_implicit_resolver("tag:yaml.org,2002:float", re.compile(r"[0-9]+e[-+]?[0-9]+$"), list("0123456789"))
    assert Located(path).content == yaml.load(path.read_text(), Numbers)


@pytest.mark.parametrize(
    "text", ["08", "0o10", "1e-3", ".5e3", "no", "010", "1:30", "2024-01-01", "=", "<<", "~", "0X1F"]
)
def test_text_that_looks_like_something_else_is_written_in_quotes(text: str) -> None:
    written = yaml.dump({"a": text, text: "b"}, Dumper=Dumper)
    assert yaml.load(written, Loader) == {"a": text, text: "b"}
