"""What a run costs, how fast it is, how good its outputs are, and what the numbers allow one to say."""
