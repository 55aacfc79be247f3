"""Where the program begins, for the command `bench` and for `python -m bench`.

The packages `bench` and `baselines` have common names. Where another package of that name comes first on Python's
path, our imports would find its code. This module lies outside both, so that it runs whichever packages are found.
"""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec

BAD_INPUT = 2
PACKAGES = ("bench", "baselines")


def main() -> None:
    """Check the packages, settle what an interruption does, and only then import what takes time."""
    if problem := shadowed():
        print(f"error: {problem}", file=sys.stderr)
        sys.exit(BAD_INPUT)
    from bench.interrupts import listen

    listen()
    from bench.cli.main import main as run

    run()


def shadowed() -> str | None:
    """Which of our packages another one hides, and what to do about it; None if both lie beside this file."""
    ours = os.path.dirname(os.path.realpath(__file__))
    for name in PACKAGES:
        spec = find_spec(name)
        if spec is None:
            return f"the package {name} is missing beside {__file__}; install gan-bench again"
        found = os.path.realpath(next(iter(spec.submodule_search_locations or []), spec.origin or ""))
        if found != os.path.join(ours, name):
            return (
                f"another package named {name} hides the one of gan-bench: {found}; rename it, take its folder off "
                "PYTHONPATH, or work in another folder"
            )
    return None


if __name__ == "__main__":
    main()
