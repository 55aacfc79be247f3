"""Methods with their authors' weights: how a published file becomes ours, and how it is used."""

from __future__ import annotations

import hashlib
import importlib
import pickle
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.optim import Optimizer

from baselines import METHODS
from baselines.cards import CARDS
from baselines.weights import base_of, require_weights, weights_path
from bench.config import InputError, RunConfig
from bench.data.tasks import Batch
from bench.training.method import Method, Progress


class Published:
    """`NAME_published`: the method NAME as its authors trained it. Raises WeightsMissing where they are not here."""

    def __init__(self, config: RunConfig, in_channels: int, out_channels: int, device: torch.device) -> None:
        base = base_of(config.method)
        assert base is not None, config.method
        weights = load_file(require_weights(base))
        trained = config.model_copy(update={"method": base})
        self._method: Method = _factory(base)(trained, in_channels, out_channels, device)
        network = self._method.networks["generator"]
        network.load_state_dict(weights)
        self.networks: dict[str, nn.Module] = {"generator": network}
        self.optimizers: dict[str, Optimizer] = {}

    def update(self, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        raise TypeError("a method with published weights is not trained")

    def predict(self, batch: Batch) -> Tensor:
        return self._method.predict(batch)


def _factory(base: str) -> Any:
    module, _, name = METHODS[base].partition(":")
    return getattr(importlib.import_module(module), name)


def bring(base: str, file: Path) -> Path:
    """Check an author's file, translate its names, and keep it where `Published` looks; gives that place.

    The file is read with weights_only, so that nothing in it is executed. Raises InputError that names the file and
    the first thing that is wrong: its sha256, a name, a shape.
    """
    expected = CARDS[base].weights
    assert expected is not None, base
    try:
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from None
    if not found.startswith(expected.sha256):
        raise InputError(
            f"{file}: its sha256 begins with {found[: len(expected.sha256)]}, that of {expected.file} with "
            f"{expected.sha256}; it is another file or damaged"
        )
    ours = _translated(base, file)
    path = weights_path(base)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.partial")
        save_file({name: value.contiguous() for name, value in ours.items()}, temporary)
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); set BENCH_CACHE to another folder") from None
    return path


def _translated(base: str, file: Path) -> dict[str, Tensor]:
    module = importlib.import_module(METHODS[base].partition(":")[0])
    try:
        theirs = torch.load(file, map_location="cpu", weights_only=True)
        ours: dict[str, Tensor] = module.from_published(theirs)
    except KeyError as error:
        raise InputError(f"{file}: {error.args[0]}") from None
    except (OSError, EOFError, RuntimeError, AttributeError, TypeError, pickle.UnpicklingError) as error:
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(f"{file}: not a file of weights ({first})") from None
    with torch.device("meta"):
        wanted = module.Colorizer().state_dict()
    for name in [*wanted, *ours]:
        if name not in ours or name not in wanted:
            where = "lacks" if name not in ours else "has, and the network has not,"
            raise InputError(f"{file}: the file {where} {name}")
        if ours[name].shape != wanted[name].shape:
            have, need = tuple(ours[name].shape), tuple(wanted[name].shape)
            raise InputError(f"{file}: {name} has the shape {have}, the network's is {need}")
    return ours
