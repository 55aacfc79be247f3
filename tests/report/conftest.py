"""What the tests of reports share."""

from __future__ import annotations

import pytest
from made import PSNR, hypothesis, made_results

from bench.report.analysis.frames import Results


@pytest.fixture
def results() -> Results:
    """a is the control with three seeds; b's third seed diverged; free has no parameters and one run."""
    asked = [hypothesis("psnr"), hypothesis("psnr", "a", "<", "free"), hypothesis("lpips")]
    return made_results(PSNR, asked, metrics=["psnr", "lpips"])
