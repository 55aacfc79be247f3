"""Where the authors' weights lie once they were brought, and which methods stand on them; no torch."""

from __future__ import annotations

from pathlib import Path

from baselines.cards import CARDS
from bench.data.cache import cache_root

SUFFIX = "_published"
"""A method's name with it is that method with its authors' weights, which is not trained."""


class WeightsMissing(Exception):
    """The authors' weights are not on this machine; the message says which command brings them."""


def base_of(method: str) -> str | None:
    """zhang2016_published -> zhang2016; None for a method that does not stand on published weights."""
    base = method.removesuffix(SUFFIX)
    return base if base != method and base in CARDS and CARDS[base].weights else None


def weights_path(base: str) -> Path:
    """Where `bench baselines weights` puts them, as safetensors under our names."""
    return cache_root() / "weights" / f"{base}.safetensors"


def require_weights(base: str) -> Path:
    """The file. Raises WeightsMissing."""
    path = weights_path(base)
    if not path.is_file():
        raise WeightsMissing(f"weights not present; bring them with `bench baselines weights {base}`")
    return path
