"""What the command line needs to know before anything else is loaded: how bad input is refused, and the scales."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

ScaleName = Literal["tiny", "small", "paper"]

HEAD, TAIL = 1_500, 500
"""Letters of a message's two ends that stay when it is cut."""


class InputError(ValueError):
    """Bad input from a person: the message names the file, the field and the fix; the CLI exits with 2. It is one
    paragraph that can be printed, whatever was quoted in it."""

    def __init__(self, message: str) -> None:
        if len(message) > HEAD + TAIL:  # a value of a megabyte was quoted; the place stands first, the fix last
            message = f"{message[:HEAD]} [...] {message[-TAIL:]}"
        super().__init__(printable(message))


def printable(text: str) -> str:
    """One line of the text, in which what cannot be printed is spelled out: control characters, lone surrogates."""
    return "".join(letter if letter.isprintable() else _spelled(letter) for letter in text)


def _spelled(letter: str) -> str:
    return " " if letter.isspace() else letter.encode("unicode_escape").decode()


def is_file(text: str | Path) -> bool:
    """Whether it is a file's path. Any text may be asked for, of any length: pathlib raises OSError for some."""
    return os.path.isfile(text)
