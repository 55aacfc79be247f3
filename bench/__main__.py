"""`python -m bench` is `bench`."""

from bench.cli.entry import main

main()
