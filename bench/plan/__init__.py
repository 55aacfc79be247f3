"""The plan: which runs are new, why they are, and what they will take."""
