"""Figures that README and the manual quote are those of the committed reports."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from harness import ROOT

REPORTS = ROOT / "reports"
SCORES = {"psnr": 2, "st_lpips": 4, "colorfulness": 2}
"""Metric -> decimals."""
POOLING_PAGES = [ROOT / "README.md", ROOT / "docs/quickstart.md"]


@pytest.mark.parametrize("page", POOLING_PAGES, ids=lambda page: page.name)
def test_the_result_table_is_that_of_the_report(page: Path) -> None:
    text, table = page.read_text(), pd.read_csv(REPORTS / "pooling/table.csv", index_col="variant")
    for variant, label in (("strided_conv", "strided_conv (control)"), ("max_pool", "max_pool")):
        row = table.loc[variant]
        cells = [f"{row[f'{key}_mean']:.{n}f} ± {row[f'{key}_sd']:.{n}f}" for key, n in SCORES.items()]
        assert f"| {' | '.join([label, *cells, f'{row.macs_mean / 1e6:.1f}'])} |" in text
    gray = table.loc["gray"]
    assert f"| {gray.psnr_mean:.2f} | {gray.st_lpips_mean:.4f} | {gray.colorfulness_mean:.2f} |" in text


def test_the_control_is_compared_with_what_has_not_learned() -> None:
    paper, readme = (ROOT / "docs/paper.md").read_text(), (ROOT / "README.md").read_text()
    colorization = pd.read_csv(REPORTS / "photographs/colorization/table.csv", index_col="variant")
    for variant, label in (("gan", "gan (control)"), *((name, name) for name in ("gray", "mean_color", "l1_unet"))):
        cells = [f"{colorization.loc[variant, f'{key}_mean']:.{n}f}" for key, n in SCORES.items()]
        assert f"| {' | '.join([label, *cells])} |" in paper
    gan, mean_color = colorization.loc["gan"], colorization.loc["mean_color"]
    assert f"{gan.psnr_mean:.2f} dB and ST-LPIPS {gan.st_lpips_mean:.3f}" in readme
    assert f"({mean_color.psnr_mean:.2f} dB, {mean_color.st_lpips_mean:.3f})" in readme
    inpainting = pd.read_csv(REPORTS / "photographs/inpainting/table.csv", index_col="variant")
    blind = inpainting.loc["blind, gan"]
    assert f"| {blind.psnr_hole_mean:.2f} | {blind.psnr_outside_mean:.2f} |" in paper


def test_the_verdicts_are_counted_as_in_the_table_of_claims() -> None:
    count = "2 supported, 3 refuted, 12 inconclusive"
    assert f"17 claims: {count}." in (REPORTS / "photographs/claims.md").read_text()
    assert count in (ROOT / "README.md").read_text()
