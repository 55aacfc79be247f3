"""The costs of a config before training: parameters, operations, and on request speed and memory."""

from __future__ import annotations

from collections.abc import Collection

from baselines.build import build_method
from bench.config import RunConfig
from bench.data.batches import one_image, training_batch, validation_batches
from bench.data.tasks import build_task
from bench.machine import Machine, set_up
from bench.measure.cost import count_cost, count_parameters
from bench.measure.throughput import measure_inference, measure_training
from bench.runs.stages import INFERENCE_WINDOW, RING, TRAINING_WINDOW, typical_step
from bench.study.hypotheses import COUNTS, OF_TRAINING


def costs_before_training(config: RunConfig, quantities: Collection[str], machine: Machine) -> dict[str, float]:
    """Quantity -> value, for the requested costs only; training_seconds is not among them. Speed is measured now, next
    to whatever else runs on the machine."""
    if not quantities:
        return {}
    device = set_up(machine)
    task = build_task(config.task)
    method = build_method(config, task, device)
    generator, total = count_parameters(method)
    costs: dict[str, float] = {"parameters_generator": generator, "parameters_total": total}
    if {"macs", "flops"} & set(quantities):
        batch, _ = validation_batches(config.data, config.task, device)[0]
        macs = count_cost(method, one_image(batch)).macs
        costs |= {"macs": macs, "flops": 2 * macs}
    if set(quantities) - set(COUNTS):
        ring = [training_batch(config, step, device) for step in range(RING)]
        if "inference_images_per_second" in quantities:
            speed = measure_inference(method, ring, device, INFERENCE_WINDOW)
            costs["inference_images_per_second"] = speed.images_per_second
        if set(OF_TRAINING) & set(quantities):
            training, peak = measure_training(method, ring, typical_step(config.train), device, TRAINING_WINDOW)
            costs |= {"training_images_per_second": training.images_per_second, "training_peak_bytes": peak}
    return {name: float(costs[name]) for name in quantities}
