"""The methods that a study can name, found lazily: one paper a file, plus the paper's own."""

METHODS: dict[str, str] = {
    "gan": "bench.training.gan:GAN",
    "gray": "baselines.gray:Gray",
}

PARAMETER_FREE = frozenset({"gray"})
"""Methods that have nothing to train; a study runs them once, not once a seed."""
