"""Runs on the machines of a Ray cluster: Ray's tasks, its resources, and one actor that speaks for the driver."""
