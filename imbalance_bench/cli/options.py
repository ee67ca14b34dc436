"""The flags that commands share, each described once, in named groups."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

DATA, TRAINING, RUNNING, OUTPUT = "Data", "Training", "Running", "Output"


def _option(kind: Any, help: str, group: str, *names: str, metavar: str | None = None) -> Any:
    return Annotated[
        kind | None,
        typer.Option(*names, help=help, rich_help_panel=group, metavar=metavar, show_default=False),
    ]


def _switch(help: str, group: str) -> Any:
    return Annotated[bool | None, typer.Option(help=help, rich_help_panel=group, show_default=False)]


SHARED: dict[str, Any] = {
    "dataset": _option(str, "Which images; `imbench list datasets` shows all. [default: synthetic]", DATA),
    "imbalance_ratio": _option(
        float, "Thin the training part so that the largest class has this many times the smallest.", DATA
    ),
    "profile": _option(
        str, "Course of the class counts when thinning. [default: exp]", DATA, metavar="exp|step|linear"
    ),
    "n_max": _option(int, "Training rows of the largest class when thinning.", DATA),
    "minority_fraction": _option(
        float, "Share of the classes that are small in the step profile. [default: 0.5]", DATA
    ),
    "tail_order": _option(
        str, "Which classes become rare: drawn per seed, or the last ones. [default: random]", DATA,
        metavar="random|fixed",
    ),
    "validation": _option(
        str, "Validation rows: thinned like training, or all (optimistic). [default: thinned]", DATA,
        metavar="thinned|full",
    ),
    "test_prior": _option(
        str, "Class shares that the numbers stand for. [default: dataset]", DATA,
        metavar="dataset|train|uniform",
    ),
    "positive_class": _option(str, "Name of the positive one of two classes. [default: the rarer]", DATA),
    "download": _switch("Fetch a missing data set from its home.", DATA),
    "model": _option(str, "Which network. [default: small-cnn]", TRAINING),
    "steps": _option(int, "Optimiser steps, the same for every strategy. [default: 600]", TRAINING),
    "epochs": _option(float, "Passes over each strategy's own rows, instead of --steps.", TRAINING),
    "batch_size": _option(int, "Rows per step. [default: 128]", TRAINING),
    "lr": _option(float, "Peak learning rate of AdamW. [default: 0.01]", TRAINING),
    "schedule": _option(
        str, "Course of the rate. [default: one-cycle]", TRAINING, metavar="one-cycle|cosine|constant"
    ),
    "weight_decay": _option(float, "Weight decay of AdamW. [default: 0.01]", TRAINING),
    "seed": _option(int, "One seed.", RUNNING),
    "seeds": _option(str, "How many seeds (5 means 0 to 4), or which (3,7).", RUNNING),
    "vary": _option(
        str, "What a seed varies: initial weights and batches, the data, or all. [default: all]", RUNNING,
        metavar="init|data|all",
    ),
    "device": _option(str, "Where to train. [default: auto]", RUNNING, metavar="auto|cpu|cuda|mps"),
    "workers": _option(
        int, "Worker processes; 0 trains in this one. Changes no number. [default: one per core]", RUNNING
    ),
    "backend": _option(str, "What starts the workers. [default: loky]", RUNNING, metavar="loky"),
    "results": _option(Path, "Folder of the stored runs; what is there is not trained again. "
                             "[default: results]", RUNNING, metavar="DIR"),
    "config": _option(
        Path, "YAML file whose keys are these flags without dashes; a flag given here wins.", RUNNING,
        metavar="FILE",
    ),
    "primary_metric": _option(
        str, "The metric that decides, fixed before the run; `imbench list metrics`.", OUTPUT
    ),
    "format": _option(
        str, "[default: terminal]", OUTPUT, "--format", metavar="terminal|markdown|csv|json"
    ),
    "output": _option(Path, "Write the result to this file instead of stdout.", OUTPUT, metavar="FILE"),
    "quiet": _switch("No progress and no notices on stderr.", OUTPUT),
}  # fmt: skip


def with_shared_flags(command: Callable[..., None]) -> Callable[..., None]:
    """Give `command`, which takes `flags`, every shared flag; those not given are left out."""

    @functools.wraps(command)
    def wrapped(**values: Any) -> None:
        flags = {name: value for name in SHARED if (value := values.pop(name)) is not None}
        command(**values, flags=flags)

    own = inspect.signature(command, eval_str=True).parameters
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [p.replace(kind=keyword) for name, p in own.items() if name != "flags"]
    parameters += [
        inspect.Parameter(name, keyword, default=None, annotation=kind) for name, kind in SHARED.items()
    ]
    vars(wrapped)["__signature__"] = inspect.Signature(parameters)
    wrapped.__annotations__ = {p.name: p.annotation for p in parameters}
    vars(wrapped).pop("__wrapped__")
    return wrapped
