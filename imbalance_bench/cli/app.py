"""The Typer application: one module per command."""

from __future__ import annotations

from typing import Annotated

import typer

from imbalance_bench._version import __version__
from imbalance_bench.cli import article, compare, data, evaluate, info, listing, report, run
from imbalance_bench.cli.guard import guarded
from imbalance_bench.cli.options import AIMS, FLAGS, LOOKED_AT, STORED, with_flags

app = typer.Typer(
    name="imbench",
    help="Which remedy for unequal classes really helps on your images, "
    "and is it more than a moved threshold?"
    "\n\nStart with: imbench compare",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        print(f"imbench {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


app.command("run", context_settings={"allow_extra_args": True, "ignore_unknown_options": True})(
    guarded(with_flags(name for name in FLAGS if name not in AIMS)(run.command))
)
app.command("compare")(guarded(with_flags(FLAGS)(compare.command)))
app.command("evaluate")(guarded(with_flags(STORED)(evaluate.command)))
app.command("report")(guarded(with_flags(STORED)(report.command)))
app.command("data")(guarded(with_flags(LOOKED_AT)(data.command)))
app.command("list")(guarded(listing.command))
app.command("article")(guarded(article.command))
app.command("info")(guarded(info.command))
