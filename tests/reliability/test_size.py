"""A study or search that is too large is refused by its size, at once and in little memory, unless asked for."""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import strange
import yaml
from harness import Bench, WriteStudy

from bench.errors import InputError
from bench.search.load import load_search
from bench.study.load import load_study

FIELDS = ("train.d_steps", "train.batch_size", "generator.extra_convs", "generator.max_multiplier", "data.val_images")
FIELDS += ("data.subset_seed", "train.validations", "task.mask_seed", "discriminator.max_multiplier", "train.steps")


def _refused(load: Callable[[], object]) -> str:
    """The error's message, which has to come within a few seconds and without memory for the refused input."""
    began, before = time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InputError) as error:
        load()
    assert time.process_time() - began < 4
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000  # KiB
    return str(error.value)


def _grid(write_study: WriteStudy, axes: int, values: int, **changes: object) -> Path:
    lists = {field: list(range(1, values + 1)) for field in FIELDS[:axes]}
    return write_study(axes=lists, control=dict.fromkeys(lists, 1), **changes)


def test_a_million_cells_are_refused_with_their_size(write_study: WriteStudy) -> None:
    path = _grid(write_study, 3, 100, seeds=6, baselines=["gray", "pix2pix"], baseline_seeds=2)
    text = _refused(lambda: load_study(path, "tiny"))
    assert text.endswith(
        "axes: 1,000,000 variants x 6 seeds and 3 of baselines are 6,000,003 runs; the most is 1,000 unless you ask "
        "for them with --max-runs 6000003"
    )


def test_so_are_1e20_cells_at_another_scale(write_study: WriteStudy) -> None:
    lists = {field: list(range(1, 101)) for field in FIELDS}
    few = {field: [1, 2] for field in FIELDS[:1]} | {field: [1] for field in FIELDS[1:]}
    path = write_study(axes=few, control=dict.fromkeys(FIELDS, 1), scales={"paper": {"axes": lists}})
    assert "100,000,000,000,000,000,000 variants" in _refused(lambda: load_study(path, "tiny"))


def test_seeds_count_too(write_study: WriteStudy) -> None:
    path = write_study(seeds=list(range(501)))
    assert "2 variants x 501 seeds are 1,002 runs" in _refused(lambda: load_study(path, "tiny"))
    assert len(load_study(path, "tiny", max_runs=1002).runs()) == 1002
    assert "2 variants x 1,000 seeds" in _refused(lambda: load_study(write_study(), "tiny", None, ("seeds=1000",)))


def test_a_list_of_a_million_seeds_is_refused_by_its_bytes(write_study: WriteStudy) -> None:
    path = write_study(seeds=None)
    path.write_text(path.read_text() + f"seeds: [{', '.join(map(str, range(10**6)))}]\n")
    assert "bytes; the most of a study is 1,000,000" in _refused(lambda: load_study(path, "tiny"))


@pytest.mark.slow
def test_a_thousand_variants_are_a_matter_of_seconds(write_study: WriteStudy) -> None:
    path = _grid(write_study, 3, 10)
    began = time.process_time()
    assert len(load_study(path, "tiny").runs()) == 1000
    assert time.process_time() - began < 30


def test_the_command_line_asks_for_more(bench: Bench, write_study: WriteStudy) -> None:
    path = _grid(write_study, 1, 3, seeds=400)  # of few variants, which is quick
    done = bench("plan", path, "--scale", "tiny")
    assert done.returncode == 2
    assert "3 variants x 400 seeds are 1,200 runs" in done.stderr
    assert bench("plan", path, "--scale", "tiny", "--max-runs", "1200").returncode == 0
    done = bench("run", path, "--scale", "tiny", "--max-runs", "1199")
    assert "the most is 1,199 unless" in done.stderr


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trials": 10**6, "seeds": 2}, "trials: 1,000,000 trials x 2 seeds are 2,000,000 runs; the maximum is 1,000"),
        ({"scales": {"tiny": {"trials": 1001}}}, "1,001 trials x 1 seed are 1,001 runs"),
        ({"sampler": "grid", "space": {f: {"low": 1, "high": 100} for f in FIELDS[:3]}}, "grid has 1,000,000 points"),
        ({"sampler": "grid", "space": {"train.d_steps": {"low": 1, "high": 10**12}}}, "1,000,000,000,000 points"),
        ({"space": {"a": {f"b{i}": {"train.d_steps": [1, 2, 3]} for i in range(400)}}}, "has 1,200 values"),
    ],
)  # fmt: skip
def test_so_is_a_search(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    path = tmp_path / "search.yaml"
    content = yaml.safe_load(strange.SEARCHES[0].read_text()) | changes
    if "scales" not in changes:
        del content["scales"]
    path.write_text(yaml.safe_dump(content))
    assert message in _refused(lambda: load_search(path, "tiny"))
    if "trials" in message:
        assert load_search(path, "tiny", trials=5000).file.trials == 5000


@pytest.mark.parametrize("bomb", [strange.BOMB, strange.MERGES], ids=["aliases", "merges"])
def test_an_alias_bomb_does_not_go_off(tmp_path: Path, bomb: str) -> None:
    (tmp_path / "study.yaml").write_text(bomb)
    text = _refused(lambda: load_study(tmp_path / "study.yaml"))
    assert "has more than 100,000 values, those that aliases repeat included" in text
