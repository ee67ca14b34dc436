"""The flags that commands share, each described once, in named groups."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import typer

DATA, TRAINING, RUNNING = "Data", "Training", "Running"
DECISIONS, OUTPUT = "Decisions", "Output"


def _option(help: str, group: str, metavar: str) -> Any:
    """A flag with a value; it stays text here, so that all values are checked, and refused, in one place."""
    return Annotated[
        str | None, typer.Option(help=help, rich_help_panel=group, metavar=metavar, show_default=False)
    ]


def _switch(name: str, help: str, group: str) -> Any:
    return Annotated[bool | None, typer.Option(name, help=help, rich_help_panel=group, show_default=False)]


FLAGS: dict[str, Any] = {
    "dataset": _option(
        "Which images; see `imbench list datasets`; compare takes several, as digits,synthetic "
        "(default: synthetic).", DATA, "NAME",
    ),
    "image_size": _option("Resize images on reading: one number, or HEIGHTxWIDTH.", DATA, "N"),
    "channels": _option("Read images as grey, rgb or what they are, auto (default: auto).", DATA, "NAME"),
    "layout": _option("npz: channels last, hwc, or first, chw (default: auto, by the shape).", DATA, "NAME"),
    "path_column": _option("csv: the column of the image's path (default: path).", DATA, "NAME"),
    "label_column": _option("csv: the column of the class (default: label).", DATA, "NAME"),
    "split_column": _option("csv: the column that says train, val or test.", DATA, "NAME"),
    "group_column": _option("csv: the column of what must not be split, as the patient.", DATA, "NAME"),
    "group_pattern": _option(
        "The same from file names: a regular expression whose first group is the patient.", DATA, "REGEX"
    ),
    "skip_bad": _switch("--skip-bad", "Go on without images that can't be read, and count them.", DATA),
    "imbalance_ratio": _option(
        "Thin training until the largest class has this many times the smallest.", DATA, "R"
    ),
    "profile": _option("Class counts when thinning: exp, step or linear (default: exp).", DATA, "NAME"),
    "n_max": _option("Training rows of the largest class when thinning.", DATA, "N"),
    "minority_fraction": _option(
        "Share of the classes that are small in the step profile (default: 0.5).", DATA, "X"
    ),
    "tail_order": _option(
        "Which classes become rare: random, drawn per seed, or fixed, the last (default: random).", DATA,
        "NAME",
    ),
    "validation": _option(
        "Validation rows: thinned like training, or full, which is optimistic (default: thinned).", DATA,
        "NAME",
    ),
    "test_prior": _option(
        "Class shares that the numbers stand for: dataset, train or uniform (default: dataset).", DATA,
        "NAME",
    ),
    "positive_class": _option("The positive one of two classes (default: the rarer).", DATA, "NAME"),
    "download": _switch("--download", "Fetch a missing data set from its home.", DATA),
    "model": _option("Which network; `imbench list models` (default: small-cnn).", TRAINING, "NAME"),
    "steps": _option("Optimiser steps, the same for every strategy (default: 600).", TRAINING, "N"),
    "epochs": _option("Passes over each strategy's own rows, instead of --steps.", TRAINING, "X"),
    "batch_size": _option("Rows per step (default: 64).", TRAINING, "N"),
    "lr": _option("Peak learning rate of AdamW (default: 0.02 for small-cnn, else 0.001).", TRAINING, "X"),
    "schedule": _option(
        "Course of the rate: one-cycle, cosine or constant (default: one-cycle).", TRAINING, "NAME"
    ),
    "weight_decay": _option("Weight decay of AdamW (default: 0.01).", TRAINING, "X"),
    "augment": _option(
        "Vary training images at random: flip, flip-vertical, shift, crop; several as flip,shift.", TRAINING,
        "LIST",
    ),
    "seed": _option("One seed.", RUNNING, "N"),
    "seeds": _option(
        "How many seeds (5 means 0 to 4), or which (3,7) (default: compare 3, run 1).", RUNNING, "LIST"
    ),
    "vary": _option(
        "What a seed varies: init (weights, batches, sampling), data, or all (default: all).", RUNNING,
        "NAME",
    ),
    "device": _option("Where to train: auto, cpu, cuda or mps (default: auto).", RUNNING, "NAME"),
    "workers": _option(
        "Worker processes; 0 trains in this one; changes no number (default: all cores).", RUNNING, "N"
    ),
    "backend": _option("What starts the workers: loky (default: loky).", RUNNING, "NAME"),
    "results": _option(
        "Folder of stored runs; what is there is not trained again (default: results).", RUNNING, "DIR"
    ),
    "config": _option(
        "YAML file whose keys are these flags without dashes; a flag given here wins.", RUNNING, "FILE"
    ),
    "primary_metric": _option(
        "The metric that decides, fixed before the run; `imbench list metrics`.", DECISIONS, "NAME"
    ),
    "target_recall": _option(
        "Two classes: tune X+threshold to reach this recall of the positive class on validation.",
        DECISIONS, "X",
    ),
    "cost_fn": _option(
        "Two classes: tune X+threshold by costs, that of a missed positive (with --cost-fp).", DECISIONS, "X"
    ),
    "cost_fp": _option("That of a false alarm.", DECISIONS, "X"),
    "prevalence": _option(
        "Share of the positive class for PPV and NPV (default: the test prior's).", DECISIONS, "X"
    ),
    "format": _option("terminal, markdown, csv or json (default: terminal).", OUTPUT, "NAME"),
    "output": _option("Write the result to this file instead of stdout.", OUTPUT, "FILE"),
    "quiet": _switch("--quiet", "No progress and no notices on stderr.", OUTPUT),
}  # fmt: skip


AIMS = ("target_recall", "cost_fn", "cost_fp", "prevalence")
"""They belong to a comparison; in `run` the first three are parameters of the strategy threshold."""
LOOKED_AT = (
    *("image_size", "channels", "path_column", "label_column", "split_column", "group_column"),
    *(
        "group_pattern",
        "layout",
        "skip_bad",
        "imbalance_ratio",
        "profile",
        "n_max",
        "minority_fraction",
        "tail_order",
    ),
    *("validation", "download", "seed", "format", "output", "quiet"),
)
"""What `imbench data` takes."""
STORED = ("test_prior", "primary_metric", *AIMS, "format", "output", "quiet")
"""What can be asked of stored logits."""


def with_flags(names: Iterable[str]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command, which takes `flags`, the flags of these names; those not given are left out."""
    chosen = {name: FLAGS[name] for name in names}

    def dress(command: Callable[..., None]) -> Callable[..., None]:
        @functools.wraps(command)
        def wrapped(**values: Any) -> None:
            flags = {name: value for name in chosen if (value := values.pop(name)) is not None}
            command(**values, flags=flags)

        own = inspect.signature(command, eval_str=True).parameters
        keyword = inspect.Parameter.KEYWORD_ONLY
        parameters = [p.replace(kind=keyword) for name, p in own.items() if name != "flags"]
        parameters += [
            inspect.Parameter(name, keyword, default=None, annotation=kind) for name, kind in chosen.items()
        ]
        vars(wrapped)["__signature__"] = inspect.Signature(parameters)
        wrapped.__annotations__ = {p.name: p.annotation for p in parameters}
        vars(wrapped).pop("__wrapped__")
        return wrapped

    return dress
