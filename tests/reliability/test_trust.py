"""Nothing that is read can run code: no pickle, no eval, and of outside methods only those that are named."""

from __future__ import annotations

import ast
import os
import pickle
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from harness import ROOT, Bench, WriteStudy

MODULES = sorted([*(ROOT / "bench").rglob("*.py"), *(ROOT / "baselines").rglob("*.py")])
SMALL = ("--scale", "tiny", "--workers", "1", "train.steps=4", "train.pretrain_steps=1")


def _calls(path: Path) -> list[tuple[str, dict[str, str]]]:
    """(what is called, as it is written; its keywords, as they are written)"""
    calls = [node for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.Call)]
    return [
        (ast.unparse(call.func), {str(word.arg): ast.unparse(word.value) for word in call.keywords}) for call in calls
    ]


IMPORTERS = {  # who imports by name, and whence the name comes
    "baselines/published.py": "METHODS",
    "bench/data/decode.py": "two plug-ins of Pillow, by their names",
    "baselines/build.py": "METHODS, or module:Class as someone named it: the one way in for foreign code",
    "bench/data/sources.py": "REGISTRY",
    "bench/data/tasks.py": "REGISTRY",
    "bench/measure/metrics/__init__.py": "METRICS",
}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_no_module_reads_what_can_run(path: Path) -> None:
    for name, keywords in _calls(path):
        last = name.rpartition(".")[2]
        assert name not in ("eval", "exec", "compile", "__import__", "os.system", "os.popen"), name
        assert "pickle." not in name or name.endswith("Error"), name
        assert "joblib" not in name
        assert last not in ("read_pickle", "unsafe_load", "full_load", "load_all", "torch_load"), name
        if name == "torch.load":
            assert keywords["weights_only"] == "True"
        if name in ("np.load", "numpy.load"):
            assert keywords["allow_pickle"] == "False"
        if name.startswith("yaml.") and not name.startswith("yaml.SafeLoader"):
            assert last in ("safe_load", "safe_dump", "dump", "compose"), name
        if last == "import_module":
            assert path.relative_to(ROOT).as_posix() in IMPORTERS


class Payload:
    """A pickle of it makes a folder when it is read."""

    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.mkdir, (str(self.made),)


def _pickled(path: Path, made: Path) -> None:
    path.write_bytes(pickle.dumps(Payload(made)))


def test_the_payload_would_work(tmp_path: Path) -> None:
    _pickled(tmp_path / "x", tmp_path / "made")
    pickle.loads((tmp_path / "x").read_bytes())
    assert (tmp_path / "made").is_dir()


def test_a_pickle_in_the_store_is_refused_and_does_not_run(
    bench: Bench, write_study: WriteStudy, tmp_path: Path
) -> None:
    study, made = write_study(metrics=["psnr"]), tmp_path / "made"
    assert bench("run", study, *SMALL).returncode == 0
    runs = sorted(path.parent for path in (tmp_path / "runs").glob("*/weights.safetensors"))
    for run in runs:
        (run / "SHA256SUMS").unlink()  # whoever puts a file there may do that too
        _pickled(run / "samples.npz", made)
    done = bench("report", study, *SMALL[:2], *SMALL[4:])
    assert done.returncode == 2
    assert "samples.npz: the pictures cannot be read (" in done.stderr
    for run in runs:
        (run / "samples.npz").unlink()
        (run / "SHA256SUMS").unlink(missing_ok=True)
        _pickled(run / "weights.safetensors", made)
    done = bench("run", study, *SMALL, 'metrics=["psnr", "ssim"]')
    assert "Traceback" not in done.stderr
    for run in runs:
        (run / "outcome.json").unlink()
        (run / "SHA256SUMS").unlink(missing_ok=True)
        (run / "weights.safetensors").unlink()
        _pickled(run / "checkpoint.safetensors", made)
    done = bench("run", study, *SMALL)
    assert "Traceback" not in done.stderr
    assert not made.exists()


def test_a_pickle_posing_as_the_authors_weights_is_refused(bench: Bench, tmp_path: Path) -> None:
    made, cache = tmp_path / "made", tmp_path / "cache"
    _pickled(tmp_path / "plain.pth", made)
    with zipfile.ZipFile(tmp_path / "zip.pth", "w") as file:  # as torch.save packs it
        file.writestr("archive/data.pkl", pickle.dumps(Payload(made), protocol=2))
        file.writestr("archive/version", "3\n")
        file.writestr("archive/byteorder", "little")
    for name in ("plain.pth", "zip.pth"):
        done = bench("baselines", "weights", "zhang2016", "--file", name, BENCH_CACHE=str(cache))
        assert done.returncode == 2
        assert f"error: {name}: its sha256 begins with" in done.stderr
        assert "not a file of weights" in done.stderr
    (cache / "weights").mkdir(parents=True)
    shutil.copy(tmp_path / "plain.pth", cache / "weights" / "zhang2016.safetensors")
    done = bench("baselines", "check", "zhang2016_published", BENCH_CACHE=str(cache))
    assert done.returncode in (1, 2)
    assert "Traceback" not in done.stdout + done.stderr
    assert not made.exists()


METHOD = "import os\nos.mkdir('made')\nfrom baselines.trivial import Gray as Mine\n"


def test_foreign_code_runs_only_where_it_is_named_and_not_to_plan(
    bench: Bench, write_study: WriteStudy, tmp_path: Path
) -> None:
    (tmp_path / "mine.py").write_text(METHOD)
    assert bench("plan", write_study(), *SMALL[:2]).returncode == 0
    named = write_study("named", baselines=["mine:Mine"])
    done = bench("plan", named, *SMALL[:2])
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "made").exists()


TAGS = [
    "!!python/object/apply:os.mkdir [made]",
    "!!python/object/new:os.mkdir [made]",
    "!!python/name:os.mkdir",
    "!!python/module:mine",
]


@pytest.mark.parametrize("tag", TAGS)
def test_yaml_runs_no_code(bench: Bench, write_study: WriteStudy, tmp_path: Path, tag: str) -> None:
    (tmp_path / "mine.py").write_text(METHOD)
    path = write_study()
    path.write_text(f"{path.read_text()}base: {tag}\n".replace("base:\n  task: colorization\n", ""))
    done = bench("plan", path)
    assert done.returncode == 2
    assert "could not determine a constructor for the tag" in done.stderr
    done = bench("plan", write_study("other"), f"train.steps={tag}")
    assert done.returncode == 2
    assert "not a YAML value" in done.stderr
    assert not (tmp_path / "made").exists()
