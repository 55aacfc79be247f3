"""Measurements of a method: its cost, its memory, its speed, and the quality of its predictions."""

PEAK_VERSION = 2
"""The definition of `training_peak_bytes`, stored beside it as `peak_version`: one batch, and the gradients
that an update finds from the update before. Version 1, which was not stored, counted eight batches and no gradients."""
