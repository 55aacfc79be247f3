"""What there is to compare with, and the counts that the papers published, to the last digit."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from harness import Bench

from baselines import METHODS, PARAMETER_FREE
from baselines.cards import CARDS
from baselines.custom import source_of
from baselines.weights import base_of

PARAMETERS = {  # of what predicts, of all networks
    "gan": (1_313_474, 4_081_027),
    "l1_unet": (1_313_474, 1_313_474),
    "zhang2016": (32_236_011, 32_236_011),
    "zhang2017": (34_187_027, 34_187_027),
    "nazeri2018": (42_023_811, 42_023_811 + 2_767_553),
    "pix2pix": (54_409_858, 57_175_491),
    "iizuka2017": (6_072_131, 6_072_131 + 45_063_681),
    "yu2018": (3_601_542, 3_601_542 + 4_339_329 + 2_733_441),
    "yu2019": (4_052_478, 4_052_478 + 5_946_816),
}


def test_every_method_has_a_card() -> None:
    assert set(CARDS) == {name for name in METHODS if base_of(name) is None}


@pytest.mark.slow
def test_the_list_has_the_published_counts(bench: Bench) -> None:
    rows = {row["name"]: row for row in json.loads(bench("baselines", "--json").stdout)}
    assert set(rows) == set(CARDS)
    for name, (generator, total) in PARAMETERS.items():
        assert (rows[name]["parameters_generator"], rows[name]["parameters_total"]) == (generator, total), name
        assert rows[name]["flops"] == 2 * rows[name]["macs"] > 0
    free = set(rows) - set(PARAMETERS)
    assert free == PARAMETER_FREE
    for name in free:
        assert (rows[name]["parameters_generator"], rows[name]["parameters_total"], rows[name]["macs"]) == (0, 0, None)
    assert rows["zhang2016"]["weights"] == "not present"
    assert rows["nazeri2018"]["weights"] == "published for TensorFlow only"
    assert {name for name, row in rows.items() if row["needs_mask"]} == {
        "iizuka2017", "yu2018", "yu2019", "mean_fill", "telea", "navier_stokes", "biharmonic", "patchmatch",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("weights", "zhang"), "'zhang' is unknown; did you mean zhang2017?"),
        (("weights", "yu2018"), "yu2018 has no weights to load: published for TensorFlow only"),
        (("weights", "telea"), "telea has no weights to load: it has no parameters"),
        (("weights", "zhang2016", "--file", "no.pth"), "no.pth: cannot be read"),
        (("check", "zhang2016_published"), "zhang2016_published: weights not present; bring them with"),
        (("check", "teela"), "'teela' is unknown; did you mean telea?"),
        (("check", "nothing:Here"), "there is no module 'nothing' here; run from the folder of nothing.py"),
        (("check", "gray", "--task", "colour"), "--task colour: unknown"),
        (("check", "gray", "--task", "inpainting"), "--task inpainting: gray does colorization"),
    ],
)
def test_mistakes_are_named(bench: Bench, arguments: tuple[str, ...], message: str) -> None:
    done = bench("baselines", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_a_module_of_ones_own_is_found_without_being_run(bench: Bench, tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    (tmp_path / "package/__init__.py").write_text("raise RuntimeError('run')")
    (tmp_path / "package/mine.py").write_text("import sys\nclass Mine: pass\nsys.exit(3)")
    (tmp_path / "broken.py").write_text("class Mine(")
    for method, message in {
        "package.mine:Yours": "mine.py has no 'Yours'; it has Mine",
        "package.theirs:Mine": "there is no module 'package.theirs' here",
        "broken:Mine": "broken.py cannot be read",
    }.items():
        done = bench("baselines", "check", method)
        assert (done.returncode, done.stdout) == (2, "")
        assert message in done.stderr
    done = bench("baselines", "check", "package.mine:Mine")
    assert (done.returncode, "RuntimeError: run" in done.stdout, done.stderr) == (1, True, "")
    (tmp_path / "package/__init__.py").write_text("")
    done = bench("baselines", "check", "package.mine:Mine")
    assert done.returncode == 1
    assert "package.mine ends the program when it is imported (exit 3)" in done.stdout


def test_a_module_that_python_would_not_take_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "this.py").write_text("class Mine: pass")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    with pytest.raises(ValueError, match=r"this.py has the name of the module in .*this.py; rename it"):
        source_of("this:Mine")
