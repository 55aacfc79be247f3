"""The plan: which runs are new, why, and what they will cost."""
