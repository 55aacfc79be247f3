"""Where the authors' weights are kept once downloaded, and which methods use them; imports no torch."""

from __future__ import annotations

from pathlib import Path

from baselines.cards import CARDS
from bench.data.cache import cache_root

SUFFIX = "_published"
"""NAME_published is the method NAME with its authors' weights, which is not trained."""


def base_of(method: str) -> str | None:
    """zhang2016_published -> zhang2016; None for a method that does not use published weights."""
    base = method.removesuffix(SUFFIX)
    return base if base != method and base in CARDS and CARDS[base].weights else None


def weights_path(base: str) -> Path:
    """The file that `bench baselines weights` writes: safetensors with our parameter names."""
    return cache_root() / "weights" / f"{base}.safetensors"
