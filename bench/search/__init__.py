"""Searches: Optuna studies whose trials are runs in the same store."""
