"""Comparisons on several data sets with numbers made by hand, for the tests of ranks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

# Demsar 2006, table 6: AUC of C4.5, alone and with its parameters m and cf tuned, on 14 data sets. Where the
# third and fourth of a line print alike, .975, the paper ranks the third before the fourth: hence .9751.
DEMSAR = (
    (0.763, 0.768, 0.771, 0.798), (0.599, 0.591, 0.590, 0.569), (0.954, 0.971, 0.968, 0.967),
    (0.628, 0.661, 0.654, 0.657), (0.882, 0.888, 0.886, 0.898), (0.936, 0.931, 0.916, 0.931),
    (0.661, 0.668, 0.609, 0.685), (0.583, 0.583, 0.563, 0.625), (0.775, 0.838, 0.866, 0.875),
    (1.000, 1.000, 1.000, 1.000), (0.940, 0.962, 0.965, 0.962), (0.619, 0.666, 0.614, 0.669),
    (0.972, 0.981, 0.9751, 0.975), (0.957, 0.978, 0.946, 0.970),
)  # fmt: skip


def row(
    strategy: str, metric: str, value: float | None, kind: str = "requested", n: int = 2
) -> dict[str, Any]:
    """A row of a comparison, with an interval of ± .01."""
    low, high = (None, None) if value is None else (value - 0.01, value + 0.01)
    return {"strategy": strategy, "kind": kind, "n": n, metric: value,
            f"{metric}_low": low, f"{metric}_high": high}  # fmt: skip


def of_scores(
    names: Sequence[str], table: Sequence[Sequence[float | None]], metric: str = "macro_auc"
) -> list[dict[str, Any]]:
    """Comparisons by a metric of scores: a line of `table` for each data set."""
    return [made(f"data-{i}", {name: [value] for name, value in zip(names, line, strict=True)}, metric)
            for i, line in enumerate(table)]  # fmt: skip


def made(
    dataset: str, values: Mapping[str, Sequence[float | None]], metric: str = "macro_f1"
) -> dict[str, Any]:
    """One comparison over seeds 0 and 1: by strategy its value, and that with a threshold."""
    rows = [row(name, metric, found[0]) for name, found in values.items()]
    rows += [
        row(f"{name}+threshold", metric, found[1], "tuned")
        for name, found in values.items()
        if len(found) > 1
    ]
    rows.append(row("majority-class", metric, 0.1, "reference"))
    return {"dataset": dataset, "seeds": [0, 1], "primary_metric": metric, "rows": rows, "failures": []}
