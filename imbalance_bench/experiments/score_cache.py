"""The numbers of a run, kept beside it: metrics and resamples are computed once for each way of asking."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imbalance_bench._version import __version__
from imbalance_bench.data.archives import DAMAGED
from imbalance_bench.data.source import digest
from imbalance_bench.experiments.parts import PER_CLASS, REPLICATES, Scores
from imbalance_bench.experiments.store import StoredRun
from imbalance_bench.strategies.base import Strategy

SCORING_VERSION = 1
"""Raise it whenever the same run would get other numbers: what was kept is then computed anew."""

BROKEN = (OSError, *DAMAGED)


def kept(
    run: StoredRun,
    asked: tuple[str, ...],
    compute: Callable[[], Scores | None],
    parts: Sequence[Strategy] = (),
) -> Scores | None:
    """What `compute` gives for this run, read from its folder where it stands there already.

    `asked` is all that the numbers depend on beside the run, `parts` the strategies that act on it. None is
    kept, too. A folder that can't be written to only costs the time.
    """
    if not run.keeps_scores:
        return compute()
    if not all(type(part).__module__.startswith("imbalance_bench.") for part in parts):
        return compute()  # a strategy of someone's own may change under the same name
    version = (__version__, str(SCORING_VERSION), str(REPLICATES))
    path = run.folder / f"scores-{digest(*version, run.scored_digest, *asked)}.npz"
    try:
        return _read(path, len(run.record["class_names"]))
    except BROKEN:
        found = compute()
    with contextlib.suppress(OSError):
        _write(path, found)
    return found


def forget(folder: Path) -> None:
    """Delete what is kept in a run's folder."""
    for path in folder.glob("scores-*.npz"):
        path.unlink()


def _write(path: Path, scores: Scores | None) -> None:
    for leftover in path.parent.glob(".tmp-scores-*"):
        leftover.unlink(missing_ok=True)
    temporary = path.parent / f".tmp-{path.stem}-{uuid.uuid4().hex[:8]}.npz"
    np.savez_compressed(temporary, **_arrays(scores))  # type: ignore[arg-type]
    temporary.replace(path)


def _arrays(scores: Scores | None) -> dict[str, NDArray[Any]]:
    if scores is None:
        return {"known": np.array(False)}
    rates = [name for name in PER_CLASS if name != "class"]
    return {
        "known": np.array(True),
        "class": np.array([row["class"] for row in scores.per_class]),
        "per_class": np.array([[row[name] for name in rates] for row in scores.per_class], dtype=np.float64),
        "test_prior": scores.test_prior,
        "shift": scores.shift,
        "reliability": scores.reliability,
        "correction": np.array(scores.correction or ""),
        **_named("clinical", scores.clinical),
        **_named("summary", scores.summary),
        **_named("calibration", scores.calibration),
        **_named("replicates", scores.replicates),
        **_named("class_replicates", scores.class_replicates),
    }


def _named(what: str, values: Any) -> dict[str, NDArray[Any]]:
    names = list(values)
    return {f"{what}_names": np.array(names, dtype=str), what: np.array([values[name] for name in names])}


def _read(path: Path, n_classes: int) -> Scores | None:
    """The stored numbers; one of `BROKEN` where they are not there or not whole."""
    with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
        if not stored["known"]:
            return None
        rates = [name for name in PER_CLASS if name != "class"]
        table = stored["per_class"]
        if table.shape != (n_classes, len(rates)):
            raise ValueError(f"{path.name} is of other classes")
        rows = [
            {"class": str(name)}
            | {rate: int(v) if rate == "support" else float(v) for rate, v in zip(rates, row, strict=True)}
            for name, row in zip(stored["class"], table, strict=True)
        ]

        def named(what: str) -> dict[str, Any]:
            return {str(n): v for n, v in zip(stored[f"{what}_names"], stored[what], strict=True)}

        return Scores(
            per_class=rows,
            summary={name: float(value) for name, value in named("summary").items()},
            test_prior=stored["test_prior"],
            shift=stored["shift"],
            reliability=stored["reliability"],
            replicates=named("replicates"),
            class_replicates=named("class_replicates"),
            calibration={name: float(value) for name, value in named("calibration").items()},
            clinical={
                name: (float(value), float(low), float(high))
                for name, (value, low, high) in named("clinical").items()
            },
            correction=str(stored["correction"]) or None,
        )
