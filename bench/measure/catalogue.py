"""All methods with their cost at 256x256: parameters, MACs, FLOPs; counted on the CPU without training."""

from __future__ import annotations

from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from baselines import METHODS, ONLY_FOR, PARAMETER_FREE, UNTRAINED
from baselines.build import build_method
from baselines.cards import CARDS
from baselines.contract import TASKS
from baselines.weights import base_of, weights_path
from bench.config import RunConfig
from bench.data.tasks import Batch, build_task
from bench.measure.cost import count_cost

SIDE = 256
CPU = torch.device("cpu")


def catalogue() -> list[dict[str, Any]]:
    """One row a method, in the registry's order; costs are for its first task with the defaults of scale `paper`.

    A method with its authors' weights has no row of its own; `weights` says whether they are on this machine.
    """
    return [_row(name) for name in METHODS if base_of(name) is None]


def _row(name: str) -> dict[str, Any]:
    card, tasks = CARDS[name], ONLY_FOR.get(name, TASKS)
    row: dict[str, Any] = {
        "name": name,
        "title": card.title,
        "authors": card.authors,
        "year": card.year,
        "venue": card.venue,
        "tasks": list(tasks),
        "needs_mask": card.needs_mask,
        "settings": card.settings,
        "trained": name not in UNTRAINED,
        "weights": _weights(name),
    }
    return row | _cost(name, tasks[0])


def _weights(name: str) -> str:
    """present, not present, damaged, not readable, or the reason why no weights can be loaded."""
    if CARDS[name].weights is None:
        return CARDS[name].no_weights
    if not weights_path(name).is_file():
        return "not present"
    try:
        with weights_path(name).open("rb"), safe_open(weights_path(name), "pt"):
            return "present"
    except OSError as error:
        return f"not readable ({error.strerror})"
    except SafetensorError:
        return "damaged"


def _cost(name: str, task_name: str) -> dict[str, int | dict[str, int] | None]:
    """Trainable parameters of the generator, of all networks together and of each; MACs and FLOPs of one prediction."""
    # MACs are counted in networks. A classical method has none, but its work is not zero: None.
    if name in PARAMETER_FREE:
        return {"parameters_generator": 0, "parameters_total": 0, "networks": {}, "macs": None, "flops": None}
    config = RunConfig.model_validate({"method": name, "task": {"name": task_name}})
    task = build_task(config.task)
    method = build_method(config, task, CPU)
    blank = torch.zeros(1, max(task.in_channels, task.out_channels), SIDE, SIDE)
    mask = torch.zeros(1, 1, SIDE, SIDE) if task_name == "inpainting" else None
    if mask is not None:
        mask[:, :, SIDE // 4 : SIDE // 2, SIDE // 4 : SIDE // 2] = 1
    cost = count_cost(method, Batch(blank[:, : task.in_channels], blank[:, : task.out_channels], mask))
    networks = {key: sum(p.numel() for p in n.parameters() if p.requires_grad) for key, n in method.networks.items()}
    return {
        "parameters_generator": cost.parameters_generator,
        "parameters_total": cost.parameters_total,
        "networks": networks,
        "macs": cost.macs,
        "flops": cost.flops,
    }
