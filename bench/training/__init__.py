"""Training: the loop, the losses and what survives a kill."""
