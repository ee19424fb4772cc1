"""The `nightshelf` command: subcommands and error messages. Each command imports only its half."""

from __future__ import annotations

import signal
import sys
from typing import NoReturn

import typer
from rich.text import Text

from services.cli.ask import recommend, similar
from services.cli.doctor import doctor
from services.cli.evaluate import evaluate
from services.cli.generations import generations
from services.cli.kafka import consume_kafka
from services.cli.nightly import demo, generate, ingest, nightly
from services.cli.options import err
from services.cli.serve import serve
from services.cli.step import steps
from services.cli.tune import tune
from shared.errors import GateRefusedError, NightshelfError, RunActiveError

app = typer.Typer(
    name="nightshelf",
    help="A book recommender: models trained every night, answers in milliseconds.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.add_typer(generations, name="generations")
app.add_typer(steps, name="step")
app.command("consume-kafka")(consume_kafka)
for command in (evaluate, tune, demo, generate, ingest, nightly, serve, recommend, similar, doctor):
    app.command(command.__name__)(command)

EXIT_CODES: dict[type[NightshelfError], int] = {GateRefusedError: 3, RunActiveError: 75}  # all others: 1


def main() -> None:
    """Run the command. Expected errors print no traceback; the exit code is in `EXIT_CODES`, or 1."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        app(prog_name="nightshelf")
    except NightshelfError as error:
        _show(error)
        sys.exit(EXIT_CODES.get(type(error), 1))
    except OSError as error:
        where = None if error.filename is None else str(error.filename)
        hint = "Check that it exists, that you may write to it, and that the disk is not full."
        _show(NightshelfError(f"{error.strerror or error}.", where=where, hint=hint if where else None))
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def _terminated(_signal: int, _frame: object) -> NoReturn:
    """Exit as after Ctrl-C: close the embedded Valkey and all else."""
    raise SystemExit(128 + signal.SIGTERM)


def _show(error: NightshelfError) -> None:
    err.print(Text.assemble(("Error: ", "bold red"), error.what), highlight=False, soft_wrap=True)
    for name, value in (("where", error.where), ("what to do", error.hint)):
        if value:
            err.print(f"  {name}: {value}", highlight=False, soft_wrap=True, markup=False)
