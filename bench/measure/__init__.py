"""What a run costs, how fast it is, how good its outputs are, and what the numbers allow one to say."""

PEAK_VERSION = 2
"""What `training_peak_bytes` counts, noted beside it as `peak_version`. 1, which was not noted: all eight batches of a
timing, and no gradients that an update finds from the one before. 2: one batch, and those gradients."""
