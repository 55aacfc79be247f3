"""Runs: how they are trained, measured and scored, here or on a cluster."""
