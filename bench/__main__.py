"""`python -m bench` is `bench`."""

from bench.entry import main

main()
