"""`python -m bench` is `bench`."""

from gan_bench import main

main()
