"""When a GPU's figures do not count; and the reason where there is no GPU."""

from __future__ import annotations

import pytest
import torch

from bench.profile.compare import open_sensors
from bench.profile.sensors import THROTTLE_REASONS, Reading, Sensors, summarise


def test_a_steady_clock_counts() -> None:
    result = summarise([Reading(1980, 600 + n, 60 + n) for n in range(5)])
    assert result["rejected"] is None
    assert (result["sm_clock_mhz"], result["power_w"], result["temperature_c"]) == (1980, 602, 64)


def test_a_clock_that_drifts_by_more_than_two_percent_does_not() -> None:
    assert summarise([Reading(c, 1, 1) for c in (1980, 1975, 1960)])["rejected"] is None
    assert summarise([Reading(c, 1, 1) for c in (1980, 1900, 1800)])["rejected"] == "the clock drifted by 7.6%"


def test_one_reading_of_a_throttled_gpu_is_enough() -> None:
    readings = [Reading(1980, 1, 1)] * 9 + [Reading(1980, 1, 90, ("hardware slowdown",))]
    assert summarise(readings)["rejected"] == "throttled: hardware slowdown"


def test_nothing_read_is_no_reason() -> None:
    assert summarise([]) == {"readings": 0, "rejected": None}


def test_nvml_knows_every_reason() -> None:
    import pynvml

    bits = [getattr(pynvml, name) for name in THROTTLE_REASONS.values()]
    assert len(set(bits)) == len(bits)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_there_is_a_reason() -> None:
    assert open_sensors("cpu") == "not a GPU"
    with pytest.raises(RuntimeError, match="NVML: "):
        Sensors(0)
