"""The program: its commands, and its ends in words and exit codes."""

from __future__ import annotations

import io
import os
import sys
from typing import Any

import typer
from typer.core import TyperGroup

from bench.cli.baselines import app as baselines
from bench.cli.checks import say
from bench.cli.data import describe_data
from bench.cli.exits import BAD_INPUT, DONE, SOME_FAILED
from bench.cli.plan import plan
from bench.cli.profile import profile
from bench.cli.report import report
from bench.cli.run import run
from bench.cli.search import search
from bench.cli.studies import app as studies
from bench.cli.verify import verify
from bench.cli.why import why
from bench.errors import InputError, Unreadable, Unwritable
from bench.interrupts import INTERRUPTED, WORDS, at_work, listen, over, was_heard


class Commands(TyperGroup):
    """The commands; an interruption that a command does not report itself is reported here."""

    def invoke(self, ctx: Any) -> Any:
        with at_work():
            try:
                return super().invoke(ctx)
            except KeyboardInterrupt:
                pass
            except Exception as error:
                if isinstance(error, typer.Exit) or not was_heard():
                    raise
        say(WORDS)
        raise typer.Exit(INTERRUPTED)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    help="A benchmark and ablation harness for image-to-image GANs: one YAML study in, one report out.",
)
for command in (plan, run, report, search, profile, why, verify):
    app.command()(command)
app.command(name="data")(describe_data)
app.add_typer(baselines, name="baselines")
app.add_typer(studies, name="studies")


def main() -> None:
    """Run the command line; every error is a line on stderr, and the exit code is one of the documented ones."""
    listen()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no arrow is no reason to fail
    code = SOME_FAILED
    try:
        app()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else SOME_FAILED if end.code else DONE
    except InputError as error:
        say(f"error: {error}")
        code = BAD_INPUT
    except BrokenPipeError:
        # The reader of our output is gone; without this, Python would complain when it flushes stdout at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (Unreadable, Unwritable) as error:
        say(f"error: {error}; what is done is kept")
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        say(f"error: {where}{error.strerror or error}; what is done is kept")
    over(code)
    sys.exit(code)
