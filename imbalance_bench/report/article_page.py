"""The article's recomputed worked example as one object, and as text: terminal, markdown, csv or json."""

from __future__ import annotations

import csv
import io
import json
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any

from imbalance_bench.params import canonical
from imbalance_bench.report.article import (
    ALIKE,
    ALPHAS,
    CLASSES,
    EXAMPLE,
    GAMMA,
    Image,
    agree,
    by_class,
    code_sample,
    decimal,
)
from imbalance_bench.report.article_slips import slips
from imbalance_bench.report.render import markdown, terminal
from imbalance_bench.report.tables import Table

WRONG = "*"
HEADING = "What the article has wrong"
LONGEST_LINE = 100
"""Sentences are not set wider than this: longer lines are hard to follow."""


def article_result(
    alpha: float | str | Sequence[float] | None, gamma: float, weights: Sequence[float] | None
) -> dict[str, Any]:
    """The worked example and the slips as one JSON object.

    `weights` are those of the two classes that `alpha`, kept as it was asked for, stands for; None for none.
    """
    used = ALIKE if weights is None else tuple(float(weight) for weight in weights)
    return {
        "alpha": list(alpha) if isinstance(alpha, tuple) else alpha,
        "gamma": gamma,
        "weights": dict(zip(CLASSES, used, strict=True)),
        "rows": [_row(image, gamma, used) for image in EXAMPLE],
        "slips": [{"name": slip.name, "text": slip.text, **slip.numbers} for slip in slips()],
    }


def _row(image: Image, gamma: float, weights: Sequence[float]) -> dict[str, Any]:
    right = image.focal(gamma, weights)
    return {
        "image": image.number,
        "label": CLASSES[image.label],
        "p_healthy": image.p[0],
        "p_diseased": image.p[1],
        "p_true": image.p_true,
        "cross_entropy_printed": image.cross_entropy_printed,
        "cross_entropy": image.cross_entropy,
        "cross_entropy_agrees": agree(image.cross_entropy_printed, image.cross_entropy),
        "focal_printed": image.focal_printed,
        "focal": right,
        "focal_agrees": agree(image.focal_printed, right),
        "focal_article_no_alpha": image.focal(GAMMA),
        "focal_article_alpha_25": image.focal(GAMMA, by_class(ALPHAS[0])),
        "focal_article_alpha_75": image.focal(GAMMA, by_class(ALPHAS[1])),
        "focal_article_code": code_sample(image),
    }


def render_article(result: Mapping[str, Any], kind: str, width: int, color: bool = False) -> str:
    """The result of `article_result` as text that ends in a newline.

    `kind` is "terminal", "markdown", "csv" (the rows alone) or "json"; `width` is the terminal's, in columns.
    """
    if kind == "json":
        return json.dumps(result, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
    if kind == "csv":
        text = io.StringIO()
        writer = csv.DictWriter(text, fieldnames=list(result["rows"][0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(result["rows"])
        return text.getvalue()
    lines, tables = _header(result), [_asked(result), _article(result)]
    if kind == "markdown":
        listed = "\n".join(f"{n}. {_sentence(slip)}" for n, slip in enumerate(result["slips"], 1))
        return f"{markdown(lines, tables)}\n### {HEADING}\n\n{listed}\n"
    measure = max(min(width, LONGEST_LINE), 20)
    listed = "\n".join(
        textwrap.fill(
            _sentence(slip),
            measure,
            initial_indent=f"{n:2}. ",
            subsequent_indent=" " * 4,
            break_on_hyphens=False,
        )
        for n, slip in enumerate(result["slips"], 1)
    )
    pages = [terminal([*lines, ""], tables[:1], width, color), terminal([], tables[1:], width, color)]
    return "\n".join([*pages, f"{HEADING}\n\n{listed}\n"])


def _header(result: Mapping[str, Any]) -> list[str]:
    alpha = result["alpha"]
    asked = canonical(tuple(alpha) if isinstance(alpha, list) else alpha)
    weights = " and ".join(f"{result['weights'][name]:g} for {name}" for name in CLASSES)
    return [
        'the worked example of "Solving Class Imbalance with Focal Loss", recomputed',
        "p: of the true class; CE, cross-entropy: -log p; focal: w (1 - p)^gamma (-log p)",
        f"gamma {result['gamma']:g}, alpha {asked}: w is {weights}",
    ]


def _asked(result: Mapping[str, Any]) -> Table:
    heads = (
        "image", "true label", "p of true class", "CE printed", "CE right", "focal printed", "focal right",
    )  # fmt: skip
    rows = tuple(
        (
            str(row["image"]),
            row["label"],
            decimal(row["p_true"], 1),
            _printed(row, "cross_entropy"),
            _cell(row["cross_entropy"]),
            _printed(row, "focal"),
            _cell(row["focal"]),
        )
        for row in result["rows"]
    )
    note = f"marked {WRONG}: printed values that are off by more than their last digit"
    return Table("Five images", heads, rows, labels=2, note=note)


def _article(result: Mapping[str, Any]) -> Table:
    """The focal column under each reading of the article, whatever was asked for."""
    names = ("no_alpha", "alpha_25", "alpha_75", "code")
    heads = ("no alpha", *(f"alpha {decimal(alpha, 2)}" for alpha in ALPHAS), "code sample")
    rows = tuple(
        (
            str(row["image"]),
            row["label"],
            _cell(row["focal_printed"]),
            *(_cell(row[f"focal_article_{name}"]) for name in names),
        )
        for row in result["rows"]
    )
    note = f"code sample: alpha {decimal(ALPHAS[0], 2)} for every image, its label never read"
    heads = ("image", "true label", "printed", *heads)
    return Table(f"Focal loss as the article may have meant it, gamma {GAMMA:g}", heads, rows, 2, note=note)


def _printed(row: Mapping[str, Any], name: str) -> str:
    """The mark stands in front, so that the decimal points stay in line."""
    return ("" if row[f"{name}_agrees"] else WRONG) + _cell(row[f"{name}_printed"])


def _cell(value: float) -> str:
    """Seven decimals, as the article prints; three digits where those would show next to nothing."""
    if 1e-5 <= value < 10:
        return decimal(value)
    return f"{value:.7g}" if value >= 10 else f"{value:.3g}"


def _sentence(slip: Mapping[str, Any]) -> str:
    return f"{slip['name'].replace('-', ' ').capitalize()}. {slip['text']}"
