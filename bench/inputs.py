"""What the command line needs to know before anything else is loaded: how bad input is refused, and the scales."""

from __future__ import annotations

from typing import Literal

ScaleName = Literal["tiny", "small", "paper"]


class InputError(ValueError):
    """Bad input from a person: the message names the file, the field and the fix; the CLI exits with 2."""
