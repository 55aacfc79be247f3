"""Cost and throughput: what a model costs and how fast it runs, measured so that it can be believed."""
