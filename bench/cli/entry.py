"""Where `bench` begins: first it is settled what an interruption does, then comes what takes time to import."""

from __future__ import annotations

from bench.interrupts import listen


def main() -> None:
    """Entry point: errors in words, exit codes as README says."""
    listen()
    from bench.cli.main import main as run

    run()
