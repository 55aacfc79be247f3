"""Methods with their authors' weights: how a published file becomes ours, and how it is used."""

from __future__ import annotations

import hashlib
import importlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from baselines import METHODS
from baselines.cards import CARDS
from baselines.weights import base_of, require_weights, weights_path
from bench.config import RunConfig
from bench.data.tasks import Batch
from bench.errors import InputError
from bench.training.checkpoint import Damaged, load_tensors, save_tensors
from bench.training.method import Method, Progress


class Published:
    """`NAME_published`: the method NAME as its authors trained it. Raises WeightsMissing where they are not here."""

    def __init__(self, config: RunConfig, in_channels: int, out_channels: int, device: torch.device) -> None:
        base = base_of(config.method)
        assert base is not None, config.method
        weights = _load(base)
        trained = config.model_copy(update={"method": base})
        self._method: Method = _factory(base)(trained, in_channels, out_channels, device)
        network = self._method.networks["generator"]
        try:
            network.load_state_dict(weights)
        except RuntimeError as error:
            raise InputError(_damaged(base, str(error).splitlines()[-1].strip())) from None
        self.networks: dict[str, nn.Module] = {"generator": network}
        self.optimizers: dict[str, Optimizer] = {}

    def update(self, batch: Batch, progress: Progress) -> dict[str, Tensor]:
        raise TypeError("a method with published weights is not trained")

    def predict(self, batch: Batch) -> Tensor:
        return self._method.predict(batch)


def _load(base: str) -> dict[str, Tensor]:
    """Raises WeightsMissing where they are not here, InputError where they are damaged, Unreadable."""
    try:
        return load_tensors(require_weights(base))[0]
    except Damaged as error:
        raise InputError(_damaged(base, str(error.__cause__))) from None


def _damaged(base: str, why: str) -> str:
    return f"{weights_path(base)} is damaged ({why}); bring it again with `bench baselines weights {base}`"


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
        try:
            _translated(base, file)
            more = "though its names and shapes are the same"
        except InputError as error:
            more = str(error).removeprefix(f"{file}: ")
        raise InputError(
            f"{file}: its sha256 begins with {found[: len(expected.sha256)]}, that of {expected.file} with "
            f"{expected.sha256}; it is another file or damaged: {more}"
        )
    ours = _translated(base, file)
    path = weights_path(base)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.partial")
        save_tensors({name: value.contiguous() for name, value in ours.items()}, temporary)
        temporary.replace(path)
    except OSError as error:
        raise InputError(f"{path}: cannot be written ({error.strerror}); set BENCH_CACHE to another folder") from None
    return path


def _translated(base: str, file: Path) -> dict[str, Tensor]:
    """The file's tensors under our names. Raises InputError with the first name, in the authors' words, that is not as
    it has to be."""
    module = importlib.import_module(METHODS[base].partition(":")[0])
    theirs = _read(file)
    with torch.device("meta"):
        network: dict[str, Tensor] = module.Colorizer().state_dict()
    wanted = {_theirs(ours, module.PUBLISHED): value for ours, value in network.items() if not _is_counter(ours)}
    for name, value in wanted.items():
        if name not in theirs:
            raise InputError(f"{file}: it lacks {name}")
        if theirs[name].shape != value.shape:
            have, need = tuple(theirs[name].shape), tuple(value.shape)
            raise InputError(f"{file}: {name} has the shape {have}, the network's is {need}")
    if stranger := next((name for name in theirs if name not in wanted and not _is_counter(name)), None):
        raise InputError(f"{file}: it has {stranger}, and the network has not")
    translated: dict[str, Tensor] = module.from_published(theirs)
    return translated


def _read(file: Path) -> dict[str, Tensor]:
    try:
        theirs: Any = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # bytes from outside can break a reader in any way
        raise InputError(f"{file}: not a file of weights ({type(error).__name__})") from None
    if not isinstance(theirs, dict) or not all(isinstance(value, Tensor) for value in theirs.values()):
        raise InputError(f"{file}: not a file of weights (no names with tensors)")
    return theirs


def _theirs(ours: str, beginnings: dict[str, str]) -> str:
    """The authors' name of one of our tensors; the longest beginning that fits counts."""
    their, our = max((pair for pair in beginnings.items() if ours.startswith(pair[1])), key=lambda pair: len(pair[1]))
    return their + ours.removeprefix(our)


def _is_counter(name: str) -> bool:
    """Of batches, which some files have and nothing uses."""
    return name.endswith("num_batches_tracked")
