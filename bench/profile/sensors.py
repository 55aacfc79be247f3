"""The sensors of an NVIDIA GPU while it is measured: clock, power, temperature, and whether it is throttled."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

INTERVAL = 0.2  # seconds
MAX_DRIFT = 0.02  # of the clock, between its 10th and 90th percentile, over its median
THROTTLE_REASONS = {
    "software power cap": "nvmlClocksThrottleReasonSwPowerCap",
    "hardware slowdown": "nvmlClocksThrottleReasonHwSlowdown",
    "software thermal slowdown": "nvmlClocksThrottleReasonSwThermalSlowdown",
    "hardware thermal slowdown": "nvmlClocksThrottleReasonHwThermalSlowdown",
    "hardware power brake": "nvmlClocksThrottleReasonHwPowerBrakeSlowdown",
}
"""Reason in words -> the name of its bit in NVML."""


@dataclass(frozen=True)
class Reading:
    """One reading: SM clock in MHz, power in W, temperature in degrees C, reasons for a lower clock."""

    clock: float
    power: float
    temperature: float
    reasons: tuple[str, ...] = ()


def summarise(readings: Sequence[Reading]) -> dict[str, Any]:
    """Medians, extremes, and `rejected`: why a measurement made meanwhile does not count, or None."""
    if not readings:
        return {"readings": 0, "rejected": None}
    clocks = np.array([reading.clock for reading in readings])
    low, middle, high = np.quantile(clocks, [0.1, 0.5, 0.9])
    reasons = sorted({reason for reading in readings for reason in reading.reasons})
    drift = float((high - low) / middle)
    rejected = None
    if reasons:
        rejected = f"throttled: {', '.join(reasons)}"
    elif drift > MAX_DRIFT:
        rejected = f"the clock drifted by {drift:.1%}"
    return {
        "readings": len(readings),
        "sm_clock_mhz": float(middle),
        "clock_drift": drift,
        "power_w": float(np.median([reading.power for reading in readings])),
        "temperature_c": float(max(reading.temperature for reading in readings)),
        "held_back": reasons,
        "rejected": rejected,
    }


class Sensors:
    """The sensors of one GPU. Raises RuntimeError, with the reason in words, if NVML is not available."""

    def __init__(self, index: int) -> None:
        try:
            import pynvml
        except ImportError:
            raise RuntimeError("nvidia-ml-py is not installed") from None
        self.nvml: Any = pynvml
        try:
            self.nvml.nvmlInit()
            self.gpu = self.nvml.nvmlDeviceGetHandleByIndex(index)
        except self.nvml.NVMLError as error:
            raise RuntimeError(f"NVML: {error}") from None

    def read(self) -> Reading:
        nvml, gpu = self.nvml, self.gpu
        bits = nvml.nvmlDeviceGetCurrentClocksThrottleReasons(gpu)
        return Reading(
            clock=nvml.nvmlDeviceGetClockInfo(gpu, nvml.NVML_CLOCK_SM),
            power=nvml.nvmlDeviceGetPowerUsage(gpu) / 1000,
            temperature=nvml.nvmlDeviceGetTemperature(gpu, nvml.NVML_TEMPERATURE_GPU),
            reasons=tuple(words for words, name in THROTTLE_REASONS.items() if bits & getattr(nvml, name)),
        )

    @contextmanager
    def watching(self, readings: list[Reading]) -> Iterator[None]:
        """Append a reading every 0.2 s while inside."""
        done = threading.Event()

        def watch() -> None:
            while not done.wait(INTERVAL):
                readings.append(self.read())

        thread = threading.Thread(target=watch, daemon=True)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()
