"""`bench profile`: what a model costs, how fast it runs, and how far that is from the limit of the machine."""
