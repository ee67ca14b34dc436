"""The table of `benchmarks.aa_study`, with what was aimed at and which cells miss it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import scipy

OURS = "two-way moments"
TARGETS = {"coverage": (0.93, 0.97), "false_alarms": (0.03, 0.06), "family_wise": (0.0, 0.06)}
POWER_GAP = 0.10

HEAD = """# Do the intervals keep what they promise?

    python -m benchmarks.aa_study --output results/reference/aa_study/README.md

{replicates} replicates in each cell, in {seconds} s on {machine} (numpy {numpy}, scipy {scipy}).
Logits are simulated with the variances of real runs (`benchmarks/aa_model.py`); 95 % intervals of the
difference of two arms, seeds paired, one fixed test set. A rate near .05 has the standard error {error:.3f}.

- **coverage** of the true difference of a better arm; wanted .93 to .97.
- **false alarms**: a null difference called one at .05, over four comparisons; wanted .03 to .06.
- **family-wise**: any of four null differences called one after Holm's correction; wanted no more than .06.
- **power** for a difference that a test with the true variance would tell with probability .80; wanted:
  at most .10 below the ideal test's. **of t** is the power there of Student's test over the seeds: where
  seeds are all that varies and their variance is unknown, no unbiased test has more.
- **width** of the interval, in widths of the ideal one.
"""


WHY = """## Why

- **Power.** The ideal test knows the variance; with few seeds it has to be estimated from them. Where
  seeds are most of the variance, Student's test is the best unbiased one, and its own power (**of t**)
  lies .45 below the ideal at three seeds, .24 at five and .10 at ten. Where test rows are most of it,
  this method has more power than that column, since it does not estimate the rows' share from the seeds.
- **Too few false alarms, too much coverage.** With three or five seeds on which rows matter, the degrees
  of freedom are those of a cautious guess: what the seeds' few values say of their own share is little.
  Null differences of minority AP have long tails (excess kurtosis 1.2 with ten classes and three seeds, .7
  with two classes; of the other metrics up to .4), and a t test of those is conservative.
- **Too little coverage** comes with minority AP and ten seeds (.91 with 50 positives, .93 with 15): a real
  difference is skewed there (.4 with 15), which a t interval does not know.
- **One thing was chosen on these simulations**, on other draws of them than these (entropy 2024; the table is
  of 2026): the factor 1 + 2 / (S - 1) of the degrees of freedom (`statistics.crossed`), among three.
  1 + 4 / (S - 1) had no family-wise rate above .06, but coverage up to .99 and false alarms down to .01 where
  rows matter; 1 + 4 / (S - 1)^2, tried on the first setting, had a family-wise rate of .068 with five seeds.
- **t over seeds** leaves the test sample out, the more so the more seeds there are; **rows alone** leaves
  the seeds out; percentiles of few seeds are too narrow, as resampling S seeds gives (S - 1) / S of their
  variance and no allowance for its estimation; **nested** draws rows anew within each seed, as if each
  had a test set of its own.
"""


def report(rows: list[dict[str, str]], note: str = "") -> str:
    """Markdown of the rows of cells.csv; `note` is said of the machine."""
    ours = [row for row in rows if row["method"] == OURS]
    seconds = sum({row["setting"]: int(row["seconds"]) for row in rows}.values())
    replicates = int(rows[0]["replicates"])
    head = HEAD.format(
        replicates=replicates,
        seconds=seconds,
        machine=f"{os.cpu_count()} cores, {platform.machine()}{note and ', '}{note}",
        numpy=np.__version__,
        scipy=scipy.__version__,
        error=(0.05 * 0.95 / replicates) ** 0.5,
    )
    return "\n".join([head, *_own(ours), *_missed(ours), WHY, *_others(rows)]) + "\n"


def _own(rows: list[dict[str, str]]) -> list[str]:
    columns = ("setting", "metric", "seeds", "difference", "coverage", "false alarms", "family-wise")
    lines = [f"## {OURS.capitalize()}, as the package does it", ""]
    lines += header((*columns, "power", "ideal", "of t", "width"), left=2)
    for row in rows:
        rates = (f"{_star(row, name)}" for name in TARGETS)
        power = f"{float(row['power']):.3f}{'*' if gap(row) > POWER_GAP else ''}"
        rest = (f"{float(row[name]):.3f}" for name in ("ideal_power", "t_power"))
        cells = (
            row["setting"],
            row["metric"],
            row["seeds"],
            f"{float(row['difference']):.3f}",
            *rates,
            power,
        )
        lines.append(line((*cells, *rest, f"{float(row['width']):.2f}")))
    return [*lines, "", "\\* outside what was wanted.", ""]


def _missed(rows: list[dict[str, str]]) -> list[str]:
    lines = ["## How many cells are outside", ""]
    for name, (low, high) in TARGETS.items():
        out = [row for row in rows if not low <= float(row[name]) <= high]
        values = [float(row[name]) for row in rows]
        span = f"{min(values):.3f} to {max(values):.3f}"
        lines.append(f"- {name.replace('_', ' ')}: {len(out)} of {len(rows)}; all lie in {span}.")
    lines += power_lines(rows)
    return [*lines, ""]


def _others(rows: list[dict[str, str]]) -> list[str]:
    """Means over settings and metrics, so that one sees why."""
    lines = ["## Beside it: other ways to make the interval", ""]
    lines += ["Mean over settings and metrics, and in brackets the range.", ""]
    lines += header(("method", "seeds", "coverage", "false alarms", "family-wise", "power", "width"), left=1)
    methods = list(dict.fromkeys(row["method"] for row in rows))
    for method in methods:
        for seeds in sorted({int(row["seeds"]) for row in rows}):
            mine = [row for row in rows if row["method"] == method and int(row["seeds"]) == seeds]
            names = ("coverage", "false_alarms", "family_wise", "power", "width")
            lines.append(line((method, str(seeds), *(_range(row[name] for row in mine) for name in names))))
    return lines


def _range(texts: Iterable[str]) -> str:
    values = [float(text) for text in texts if text]
    return f"{np.mean(values):.2f} ({min(values):.2f} to {max(values):.2f})" if values else ""


def _star(row: Mapping[str, str], name: str) -> str:
    low, high = TARGETS[name]
    value = float(row[name])
    return f"{value:.3f}{'' if low <= value <= high else '*'}"


def power_lines(rows: Sequence[Mapping[str, str]]) -> list[str]:
    """For each number of seeds, in how many cells power is far below the ideal test's."""
    lines = []
    for seeds in sorted({int(row["seeds"]) for row in rows}):
        gaps = [gap(row) for row in rows if int(row["seeds"]) == seeds]
        far = sum(size > POWER_GAP for size in gaps)
        lines.append(
            f"- power with {seeds} seeds: {far} of {len(gaps)} are more than .10 below the ideal test; "
            f"{min(gaps):.2f} to {max(gaps):.2f} below."
        )
    return lines


def gap(row: Mapping[str, str]) -> float:
    return float(row["ideal_power"]) - float(row["power"])


def header(names: Iterable[str], left: int) -> list[str]:
    columns = list(names)
    return [line(columns), "|" + "---|" * left + "---:|" * (len(columns) - left)]


def line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"
