"""The lines above the tables: what the numbers stand for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from imbalance_bench.report.tables import TITLES, number

VARIED = {
    "all": "the data, the initial weights, the batches and the sampling",
    "data": "the data alone: drawn images, split and thinning",
    "init": "the initial weights, the batches and the sampling, on the same data",
}


def header(result: Mapping[str, Any]) -> list[str]:
    """What the numbers stand for: data, seeds, prior, metric fixed beforehand."""
    seeds = result["seeds"]
    shown = ", ".join(map(str, seeds[:10])) + (", ..." if len(seeds) > 10 else "")
    lines = [f"{result['dataset']}, {len(seeds)} seed{'s' * (len(seeds) != 1)} ({shown})"]
    if result.get("made_with"):
        settings = (f"{name.replace('_', '-')} {value}" for name, value in result["made_with"].items())
        lines.append(f"made with: {', '.join(settings)}")
    if result.get("vary") in VARIED:
        lines.append(f"a seed varies {VARIED[result['vary']]}")
    lines.append(f"test prior: {_prior(result['test_prior'])}")
    if "primary_metric" in result:
        lines.append(
            f"primary metric, fixed before the run: {TITLES[result['primary_metric']]}{_rarest(result)}; the "
            "rest explores"
        )
    names = [row["strategy"] for row in result["rows"]] if "rows" in result else [result["strategy"]]
    if any(part.partition(":")[0] == "threshold" for name in names for part in name.split("+")):
        lines.append(f"X+threshold: the decisions of X, tuned on validation for {_served(result)}")
    if result.get("intervals"):
        lines.append(result["intervals"])
    if len(seeds) == 2:
        lines.append("two seeds tell little of how seeds differ, and intervals may be far off; use 5 or more")
    if len(seeds) == 1:
        lines.append("one seed: differences between strategies can't be told from luck; use 5 seeds or more")
    return lines


def _rarest(result: Mapping[str, Any]) -> str:
    """Of two classes, the one that the minority's metric speaks of."""
    rows = {row["class"]: row.get("train_rows_min") for row in result.get("per_class", [])}
    if result["primary_metric"] != "minority_ap" or len(rows) != 2 or None in rows.values():
        return ""
    return f" (of {min(rows, key=lambda name: rows[name])}, the rarer in training)"


def _served(result: Mapping[str, Any]) -> str:
    aim, positive = result.get("aim", {}), result.get("positive_class")
    if "target_recall" in aim:
        return f"a recall of {number(aim['target_recall'])} of class {positive}"
    if "cost_fn" in aim:
        costs = f"a missed {positive} costs {aim['cost_fn']:g}, a false alarm {aim['cost_fp']:g}"
        return f"the least expected cost ({costs})"
    return TITLES[result["threshold_metric"]]


def _prior(prior: Mapping[str, float | None]) -> str:
    shares = [share for share in prior.values() if share is not None]
    if not shares:
        return "unknown, since no run is finished"
    if max(shares) - min(shares) < 0.005 / len(shares):
        return f"all {len(shares)} classes alike"
    shown = [f"{name} {share:.3g}" for name, share in prior.items() if share is not None]
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "")
