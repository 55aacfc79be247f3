"""What there is to compare with, and the counts that the papers published, to the last digit."""

from __future__ import annotations

import json

import pytest
from harness import Bench

from baselines import METHODS
from baselines.cards import CARDS
from baselines.weights import base_of

PARAMETERS = {  # of what predicts, of all networks
    "gan": (1_313_474, 4_081_027),
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
    ],
)
def test_mistakes_are_named(bench: Bench, arguments: tuple[str, ...], message: str) -> None:
    done = bench("baselines", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
