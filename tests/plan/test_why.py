"""`bench why`: the nearest stored run and what differs; which runs `bench plan` calls stale."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from harness import ROOT, Bench, WriteStudy
from PIL import Image

from bench.data.dataset import open_dataset
from bench.errors import InputError
from bench.plan.why import why
from bench.runs.repair import has_its_id
from bench.store.run_store import SCHEMA, RunStore, identity_hash
from bench.study.load import load_study
from bench.study.study import Run

TINY = ("--scale", "tiny")
RUN = (*TINY, "--workers", "1")


def _runs(study: Path, *overrides: str) -> list[Run]:
    return load_study(study, "tiny", None, overrides).runs()


@pytest.fixture
def stored(bench: Bench, write_study: WriteStudy, tmp_path: Path) -> tuple[Path, RunStore]:
    """A study that was run with seed 0, and the store."""
    study = write_study(metrics=["psnr"])
    assert bench("run", study, *RUN).returncode == 0
    return study, RunStore(tmp_path / "runs")


def test_the_fields_that_differ_are_named(stored: tuple[Path, RunStore]) -> None:
    study, store = stored
    control, pooled = _runs(study)
    assert why("max_pool", [control, pooled], store)[0].startswith(f"run {pooled.id} (max_pool, seed 0) is cached: ")
    changed = _runs(study, "train.steps=40", "train.ema=0.9", "seeds=2")
    first, nearest, *differences = why("max_pool, seed 0", changed, store)
    assert first == f"run {changed[1].id} (max_pool, seed 0) is new: {store.root} has no run with this id"
    assert nearest.startswith(f"the nearest is run {pooled.id} (seed 0), done since 20")
    assert differences == ["  train.steps: 20 -> 40", "  train.ema: null -> 0.9"]
    more = _runs(study, "seeds=2")
    assert why("strided_conv, seed 1", more, store)[2:] == ["  seed: 0 -> 1"]
    assert f"run {control.id} (strided_conv, seed 0)" in why("strided_conv, seed 1", more, store)[1]
    half = _runs(study, "data.score_on=validation")
    assert "  data.score_on: all -> validation" in why("max_pool", half, store)
    assert why(pooled.id[:12], [], store)[0] == why(pooled.id, [], store)[0]


def test_a_run_must_be_meant_and_is_no_path(stored: tuple[Path, RunStore]) -> None:
    study, store = stored
    runs = _runs(study, "seeds=2")
    with pytest.raises(InputError, match=r"'max_pool' may mean any of 2 runs: .* \(max_pool, seed 0\); .*seed 1\)"):
        why("max_pool", runs, store)
    for name in ("", "x", "../runs", str(store.root), "max_pool, seed 7", "f" * 17):
        with pytest.raises(InputError, match="no run is called"):
            why(name, runs, store)


def test_a_store_with_nothing_like_it(stored: tuple[Path, RunStore], tmp_path: Path) -> None:
    runs = _runs(stored[0])
    assert (
        why("max_pool", runs, RunStore(tmp_path / "none"))[1]
        == f"{tmp_path / 'none'} has no other run to compare it with"
    )
    assert not (tmp_path / "none").exists()


def test_a_run_of_another_schema_is_not_this_versions(
    bench: Bench, stored: tuple[Path, RunStore], tmp_path: Path
) -> None:
    study, store = stored
    run = _runs(study)[1]
    description = json.loads((store.folder(run.id) / "run.json").read_text())
    older = identity_hash(description["config"], description["data"]["fingerprint"], schema=SCHEMA - 1)
    shutil.move(store.folder(run.id), store.folder(older))
    store.write(older, "run", description | {"schema": SCHEMA - 1})
    assert has_its_id(older, description | {"schema": SCHEMA - 1})
    assert "1 cached, 1 new" in bench("plan", study, *TINY).stdout
    told = bench("why", "max_pool, seed 0", study, *TINY)
    assert told.returncode == 0
    assert f", made under schema {SCHEMA - 1}; old -> new:" in told.stdout
    assert told.stdout.splitlines()[2:] == [f"  schema version: {SCHEMA - 1} -> {SCHEMA}"]


def test_a_method_of_ones_own_that_was_changed(bench: Bench, write_study: WriteStudy, tmp_path: Path) -> None:
    code = (ROOT / "README.md").read_text().split("```python\n", 1)[1].split("```", 1)[0]
    (tmp_path / "mine.py").write_text(code)
    study = write_study(baselines=["mine:Mine"], metrics=["psnr"])
    assert bench("run", study, *RUN).returncode == 0
    (tmp_path / "mine.py").write_text(code.replace("1e-3", "2e-3"))
    assert "2 cached, 1 stale" in bench("plan", study, *TINY).stdout
    said = bench("why", "mine:Mine, seed 0", study, *TINY).stdout.splitlines()
    assert len(said) == 3
    assert said[2].startswith("  code of mine:Mine: ")


def test_a_method_whose_code_has_another_version(stored: tuple[Path, RunStore], write_study: WriteStudy) -> None:
    _, store = stored
    trained = next(r for r in _runs(write_study(baselines=["zhang2016"])) if r.config.method == "zhang2016")
    config, fingerprint = trained.config.identity(), open_dataset(trained.config.data).fingerprint
    first = identity_hash(config, fingerprint)
    description = {"config": config, "data": {"fingerprint": fingerprint}, "schema": SCHEMA, "provenance": {}}
    store.write(first, "run", description | {"method_code": ""})
    assert has_its_id(first, description | {"method_code": ""})
    assert why("zhang2016, seed 0", [trained], store)[2:] == ["  version of the code of zhang2016: 1 -> 2"]
    assert not has_its_id(first, description | {"method_code": "2"})
    assert has_its_id(trained.id, description | {"method_code": "2"})


def test_data_that_changed(bench: Bench, write_study: WriteStudy, tmp_path: Path) -> None:
    def write(name: str, seed: int) -> None:
        (tmp_path / "pictures").mkdir(exist_ok=True)
        noise = np.random.default_rng(seed).integers(0, 256, (70, 70, 3), np.uint8)
        Image.fromarray(noise).save(tmp_path / "pictures" / name)

    for index in range(12):
        write(f"{index}.png", index)
    own = {"BENCH_CACHE": str(tmp_path / "cache")}
    study, data = write_study(metrics=["psnr"]), ("--data", "pictures")
    assert bench("run", study, *RUN, *data, **own).returncode == 0
    write("12.png", 12)
    assert "2 stale" in bench("plan", study, *TINY, *data, **own).stdout
    said = bench("why", "max_pool", study, *TINY, *data, **own).stdout
    assert "  data fingerprint: " in said
    assert "images: " in said
    os.rename(tmp_path / "pictures", tmp_path / "others")  # other data, not the same that changed
    assert "2 new" in bench("plan", study, *TINY, "--data", "others", **own).stdout
