"""From photographs to batches: which files there are, their decoded pixels, the crops, and the tasks."""
