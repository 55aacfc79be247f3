"""Methods with their authors' weights: how a published file is translated to our names, and the method that uses it."""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from baselines import METHODS
from baselines.availability import require_available
from baselines.cards import CARDS
from baselines.weights import base_of, weights_path
from bench.config import RunConfig
from bench.data.tasks import Batch
from bench.errors import InputError
from bench.training.checkpoint import Damaged, load_tensors, save_tensors
from bench.training.method import Method, Progress


class Published:
    """`NAME_published`: the method NAME as its authors trained it. Raises MethodUnavailable without their weights."""

    def __init__(self, config: RunConfig, in_channels: int, out_channels: int, device: torch.device) -> None:
        base = base_of(config.method)
        assert base is not None, config.method
        require_available(config.method)
        weights = _load(base)
        base_config = config.model_copy(update={"method": base})
        self._method: Method = _class_of(base)(base_config, in_channels, out_channels, device)
        network = self._method.networks["generator"]
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise InputError(_damaged(base, str(error).splitlines()[-1].strip())) from None
        self.networks: dict[str, nn.Module] = {"generator": network}
        self.optimizers: dict[str, Optimizer] = {}

    def update(self, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        """Raises TypeError."""
        raise TypeError("a method with published weights is not trained")

    def predict(self, batch: Batch) -> Tensor:
        return self._method.predict(batch)


def _load(base: str) -> dict[str, Tensor]:
    """The kept tensors. Raises InputError if the file is damaged, Unreadable if it cannot be read."""
    try:
        return load_tensors(weights_path(base))[0]
    except Damaged as error:
        raise InputError(_damaged(base, str(error.__cause__))) from None


def _damaged(base: str, reason: str) -> str:
    return f"{weights_path(base)} is damaged ({reason}); bring it again with `bench baselines weights {base}`"


def _class_of(base: str) -> Any:
    module, _, name = METHODS[base].partition(":")
    return getattr(importlib.import_module(module), name)


def bring(base: str, file: Path) -> Path:
    """Check an author's file, translate its names, and write it where `Published` reads it; returns that path.

    Raises InputError that names the file and its first fault: the sha256, a name, a shape.
    """
    expected = CARDS[base].weights
    assert expected is not None, base
    try:
        with file.open("rb") as stream:
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{file}: cannot be read ({error.strerror})") from None
    if not sha256.startswith(expected.sha256):
        # The content tells a damaged file from another release with the same layers.
        try:
            _translate(base, file)
            content = "its names and shapes are right"
        except InputError as error:
            content = str(error).removeprefix(f"{file}: ")
        raise InputError(
            f"{file}: its sha256 begins with {sha256[: len(expected.sha256)]}, but the sha256 of {expected.file} "
            f"begins with {expected.sha256}; it is another file or damaged: {content}"
        )
    tensors = _translate(base, file)
    path = weights_path(base)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.partial")
        save_tensors({name: value.contiguous() for name, value in tensors.items()}, temporary)
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); set BENCH_CACHE to another folder") from None
    return path


def _translate(base: str, file: Path) -> dict[str, Tensor]:
    """The file's tensors under our names. Raises InputError with the first wrong name or shape."""
    module = importlib.import_module(METHODS[base].partition(":")[0])
    theirs = _read(file)
    # On the meta device the network has names and shapes, but no memory.
    with torch.device("meta"):
        ours: dict[str, Tensor] = module.Colorizer().state_dict()
    wanted = {_their_name(name, module.PUBLISHED): value for name, value in ours.items() if not _is_counter(name)}
    for name, value in wanted.items():
        if name not in theirs:
            raise InputError(f"{file}: {name} is missing")
        if theirs[name].shape != value.shape:
            actual, expected = tuple(theirs[name].shape), tuple(value.shape)
            raise InputError(f"{file}: {name} has the shape {actual}, the network's is {expected}")
    if extra := next((name for name in theirs if name not in wanted and not _is_counter(name)), None):
        raise InputError(f"{file}: the network has no {extra}")
    translated: dict[str, Tensor] = module.from_published(theirs)
    return translated


def _read(file: Path) -> dict[str, Tensor]:
    # weights_only refuses pickled code; a foreign file can still make the reader raise anything.
    try:
        tensors: Any = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        raise InputError(f"{file}: not a file of weights ({type(error).__name__})") from None
    if not isinstance(tensors, dict) or not all(isinstance(value, Tensor) for value in tensors.values()):
        raise InputError(f"{file}: not a file of weights (no names with tensors)")
    return tensors


def _their_name(our_name: str, prefixes: dict[str, str]) -> str:
    """The authors' name of one of our tensors; the longest matching prefix applies."""
    matching = (pair for pair in prefixes.items() if our_name.startswith(pair[1]))
    their_prefix, our_prefix = max(matching, key=lambda pair: len(pair[1]))
    return their_prefix + our_name.removeprefix(our_prefix)


def _is_counter(name: str) -> bool:
    """Whether this is BatchNorm's counter of batches, which some files have and nothing uses."""
    return name.endswith("num_batches_tracked")
