"""Training: the loop, the paper's method, and the checkpoints that survive a kill."""
