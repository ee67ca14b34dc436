"""The table of `benchmarks.real_study`, with what was aimed at, how sure each rate is, and what misses it."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping
from importlib import metadata

import numpy as np
from scipy.stats import binom

from benchmarks.aa_report import POWER_GAP, TARGETS, gap, header, line, power_lines
from benchmarks.real_summary import METHODS, USUAL
from benchmarks.real_trainings import Study

OURS = METHODS[0]
Row = Mapping[str, str]

HEAD = """# Do the intervals keep what they promise on real trainings?

    python -m benchmarks.real_study --output results/reference/real_study/README.md{options}

{replicates} replicates, {trainings} trainings in {wall} s by the clock ({work} s of work of the processes) on
{machine}.

The small CNN, {steps} steps of {batch} rows at a peak rate of {lr:g}, on one fixed drawing of
`{dataset}`; the package's own loop, strategies, metrics and
replicates of test rows (`benchmarks/real_trainings.py`). Two settings: seeds differ in **initial weights and
batch order**, or, all starting from the same weights, in the **order alone**. Nothing was chosen on these
numbers: size, rates and marks were fixed before.

- A **replicate** trains {arms} arms with {most} seeds each and judges all of them on one fresh test set of
  {test} rows: seeds crossed with rows. No two replicates, and no two arms but the paired ones, share a seed.
  Cells of fewer seeds use the first of them.
- **False alarms**: cross-entropy against cross-entropy with other seeds, {nulls} such arms against one
  baseline; the true difference is 0. Wanted: .03 to .06. **family-wise**: any of the {nulls} after Holm's
  correction; wanted: no more than .06.
- **coverage** of the true difference of `{remedy}`, paired by seed with the baseline; wanted: .93 to .97.
  The truth is the mean over {truths} other trainings of both on {truth_rows} other rows. **of own mean** is
  coverage of the mean over the replicates instead: where it is higher, the truth and small test sets
  disagree.
- **power**, **ideal**, **of t** and **width**: as in `../aa_study`; wanted: power at most .10 below ideal.
- **±** is one standard error over replicates. With {replicates} of them a coverage of .95 has {error:.3f}:
  a cell whose true coverage is .95 lies outside .93 to .97 by chance {chance:.0%} of the time, and one of
  .045 false alarms outside .03 to .06 a little more often. \\* is outside what was wanted, \\*\\* by more
  than two standard errors.
"""

WHY = """## Why

- **Too few false alarms.** Two arms that are one procedure have no difference that depends on rows: only the
  seeds vary, and t over seeds is right there. The two-way method cannot know that. Its estimate of the rows'
  share is taken as 0 where negative, so is above 0 on average; and where seeds happen to vary less than
  resampled rows alone make them (raised), it takes the latter. Those are the replicates in which t over seeds
  takes chance for a difference. Where seeds are nearly all of the variance (balanced accuracy) little is
  raised, and there are more alarms.
- **What that buys.** A remedy does differ from its baseline by rows: t over seeds covers its true difference
  .91 of the time with three seeds, .88 with five and .76 with ten, the two-way method .96, .96 and .93. To
  have both one would have to know beforehand which arms are alike. Power hardly suffers: it lies at that of
  Student's test, and .02 below t over seeds.
- **Power** is below the ideal test, which knows the variance; with few seeds it has to be
  estimated, and where seeds are most of it no unbiased test does better than **of t**.
- **The truth has an error of its own.** For macro F1 with a tuned threshold its test set favours the remedy:
  twelve further pairs of trainings with other weights and order, made beside the study, found .0275 on these
  20,000 rows and .0233 to .0246 on four other sets of as many. It stays as it was drawn; **of own mean**
  shows what it costs, most with ten seeds (.860, and .930 of own mean).
- **Left out.** Two null arms, not four, and one drawing of the training data, on which all of this is
  conditional.
"""


def machine(note: str) -> str:
    """What the numbers were made on, without a name of its own."""
    versions = (f"{name} {metadata.version(name)}" for name in ("torch", "numpy", "scipy"))
    said = f"{os.cpu_count()} cores, {platform.machine()}{note and ', '}{note}"
    return f"{said} (Python {platform.python_version()}, {', '.join(versions)})"


def report(study: Study, rows: list[dict[str, str]]) -> str:
    """Markdown of the rows of cells.csv."""
    ours = [row for row in rows if row["method"] == OURS]
    first, most = rows[0], max(int(row["seeds"]) for row in rows)
    replicates, truths = int(first["replicates"]), int(first["trainings"])
    settings = {row["setting"]: int(row["work_seconds"]) for row in rows}
    head = HEAD.format(
        options="" if most == USUAL else f" --seeds {most}",
        replicates=replicates,
        trainings=len(settings) * (replicates * study.arms * most + 2 * truths),
        wall=first["wall_seconds"],
        work=sum(settings.values()),
        machine=first["machine"],
        steps=study.steps,
        batch=study.batch_size,
        lr=study.lr,
        dataset=study.dataset,
        arms=study.arms,
        most=most,
        test=study.test_rows,
        nulls=study.nulls,
        remedy=study.remedy,
        truths=truths,
        truth_rows=study.truth_rows,
        error=(0.05 * 0.95 / replicates) ** 0.5,
        chance=_chance(replicates),
    )
    lines = [head, *_own(ours), *_missed(ours), *_pooled(rows), *_truths(study, ours)]
    return "\n".join([*lines, *([WHY] if WHY else [])]).rstrip("\n") + "\n"


def _chance(n: int) -> float:
    """How often coverage of .95 is seen outside what is wanted."""
    low, high = TARGETS["coverage"]
    inside = binom.cdf(np.floor(high * n + 1e-9), n, 0.95) - binom.cdf(np.ceil(low * n - 1e-9) - 1, n, 0.95)
    return float(1 - inside)


def _own(rows: list[dict[str, str]]) -> list[str]:
    lines = ["## Two-way moments, rows resampled class by class", ""]
    columns = ("setting", "metric", "seeds", "coverage", "of own mean", "false alarms", "family-wise")
    lines += header((*columns, "power", "ideal", "of t", "width"), left=2)
    for row in rows:
        rates = [_marked(row, name) for name in TARGETS]
        cells = [row["setting"], row["metric"], row["seeds"], rates[0], f"{float(row['own_coverage']):.3f}"]
        power = f"{_rate(row, 'power')}{'*' if gap(row) > POWER_GAP else ''}"
        rest = [f"{float(row[name]):.3f}" for name in ("ideal_power", "t_power")]
        lines.append(line([*cells, *rates[1:], power, *rest, f"{float(row['width']):.2f}"]))
    return [*lines, ""]


def _missed(rows: list[dict[str, str]]) -> list[str]:
    lines = ["## How many cells are outside", ""]
    for name, (low, high) in TARGETS.items():
        values = [float(row[name]) for row in rows]
        marks = [_marked(row, name) for row in rows]
        out, far = (sum(mark.endswith(end) for mark in marks) for end in ("*", "**"))
        lines.append(
            f"- {name.replace('_', ' ')}: {out} of {len(rows)} are outside {low:.2f} to {high:.2f}, "
            f"{far} of them by more than two standard errors; "
            f"all lie in {min(values):.3f} to {max(values):.3f}."
        )
    lines += power_lines(rows)
    return [*lines, ""]


def _pooled(rows: list[dict[str, str]]) -> list[str]:
    """Means over settings and metrics, method by method."""
    lines = ["## Beside it: other ways to make the interval", ""]
    lines += [
        "Mean over settings and metrics, and in brackets the range. Metrics of one replicate go together: a",
        "mean of eight cells is surer than one of them, yet not as sure as eight times the replicates were.",
        "**rows not by class** is the package's default (`--test-prior dataset`): it allows for test sets",
        "whose class counts vary, which these do not. **t over seeds** leaves the test sample out, **rows",
        "alone** the seeds.",
        "",
    ]
    names = ("coverage", "false_alarms", "family_wise", "power", "width")
    lines += header(("method", "seeds", *(name.replace("_", " ") for name in names)), left=1)
    for method in dict.fromkeys(row["method"] for row in rows):
        for seeds in sorted({int(row["seeds"]) for row in rows}):
            mine = [row for row in rows if row["method"] == method and int(row["seeds"]) == seeds]
            lines.append(line((method, str(seeds), *(_range(row[name] for row in mine) for name in names))))
    return [*lines, ""]


def _truths(study: Study, rows: list[dict[str, str]]) -> list[str]:
    """What the remedy is worth, by the truth and by the replicates; sd of null differences."""
    most = max(int(row["seeds"]) for row in rows)
    lines = [f"## The true differences, and those found with {most} seeds", ""]
    lines += [
        "± of a true difference is over its trainings; **rows ±** is what its one large test set adds.",
        "**raised** is the share of null intervals in which seeds vary less than resampled rows alone make",
        "them, so that the method takes the latter.",
        "",
    ]
    columns = ("setting", "metric", "cross-entropy", "true difference", "rows ±", "mean found", "null sd")
    lines += header((*columns, "raised"), left=2)
    shrink = (study.test_rows / study.truth_rows) ** 0.5
    for row in rows:
        if int(row["seeds"]) == most:
            true, found = _rate(row, "truth", 4), _rate(row, "found", 4)
            cells = [f"{float(row['baseline']):.3f}", true, f"{float(row['row_sd']) * shrink:.4f}", found]
            rest = [f"{float(row['sd']):.4f}", f"{float(row['raised']):.2f}"]
            lines.append(line([row["setting"], row["metric"], *cells, *rest]))
    return [*lines, ""]


def _rate(row: Row, name: str, digits: int = 3) -> str:
    return f"{float(row[name]):.{digits}f} ± {float(row[f'{name}_se']):.{digits}f}"


def _marked(row: Row, name: str) -> str:
    """The rate with its error, and a star where it is outside what was wanted, two where far outside."""
    low, high = TARGETS[name]
    value, error = float(row[name]), max(float(row[f"{name}_se"]), 1 / int(row["replicates"]))
    beyond = max(low - value, value - high)
    return f"{_rate(row, name)}{'**' if beyond > 2 * error else '*' if beyond > 0 else ''}"


def _range(texts: Iterable[str]) -> str:
    values = [float(text) for text in texts if text]
    return f"{np.mean(values):.3f} ({min(values):.3f} to {max(values):.3f})" if values else ""
