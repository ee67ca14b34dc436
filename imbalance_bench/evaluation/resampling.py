"""Bootstrap of test rows: how far a metric would move with another test sample."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imbalance_bench.evaluation.calibration import resampled_errors
from imbalance_bench.evaluation.checks import as_labels, as_logits, as_weights
from imbalance_bench.evaluation.metrics import minority_class, ranking_scores
from imbalance_bench.evaluation.names import DECISION_METRICS, METRICS
from imbalance_bench.evaluation.resampled_ranking import Ranking, adder

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CELLS = 500_000
"""Rows times replicates that are looked at together: 4 MB, so that they stay in the cache."""
RANKING = ("macro_ap", "minority_ap", "macro_auc")


def row_weights(
    n: int,
    replicates: int,
    rng: np.random.Generator,
    groups: ArrayLike | None = None,
    strata: ArrayLike | None = None,
) -> Floats:
    """(B, n) weights of a Bayesian bootstrap (Rubin 1981, Ann. Statist. 9), each row of mean 1.

    A stratum of m units gets m times a Dirichlet draw whose parameters are (m - 2) / m, not 1: then the
    variance over replicates of any mean within the stratum is s^2 / m without bias, where counts drawn with
    replacement give (m - 1) / m of it: half, for a class of two. Weights of three units or more are
    positive, so no replicate loses a rare class or a decision of it; of two units one takes all. Their fourth
    cumulant, 6, is large enough for `statistics.crossed` to read off how few rows carry the variance. A lone
    unit keeps its weight.

    Args:
        n: rows of the test set.
        replicates: B.
        rng: one generator for each test set; the same weights serve every arm and seed on it.
        groups: (n,) labels, as of patients; rows of a group get one weight, and units are groups.
        strata: (n,) labels, usually y_true: the weight of each stratum stays as it is, as where a test
            prior fixes the class shares. Within a stratum, groups still go whole if each lies in one.

    ValueError for lengths other than n, fewer than one row or replicate, or a group in several strata.
    """
    if n < 1 or replicates < 1:
        raise ValueError(f"n is {n} and replicates {replicates}; both must be at least 1.")
    unit_of_row = _codes(groups, n, "groups") if groups is not None else np.arange(n)
    stratum_of_row = _codes(strata, n, "strata") if strata is not None else np.zeros(n, dtype=np.int64)
    n_units = int(unit_of_row.max()) + 1
    stratum = np.empty(n_units, dtype=np.int64)
    stratum[unit_of_row] = stratum_of_row
    if (stratum[unit_of_row] != stratum_of_row).any():
        raise ValueError("a group has rows in several strata; each must lie in one, or leave strata out.")
    weights = np.ones((replicates, n_units))
    for label in range(int(stratum.max()) + 1):
        units = np.flatnonzero(stratum == label)
        if len(units) > 1:
            weights[:, units] = _dirichlet(len(units), replicates, rng)
    rows = weights if groups is None else weights[:, unit_of_row]
    for label in range(int(stratum.max()) + 1) if groups is not None else ():
        # Groups differ in size: what a stratum weighs is kept all the same.
        inside = stratum_of_row == label
        if strata is not None or inside.all():
            rows[:, inside] /= rows[:, inside].mean(axis=1, keepdims=True)
    return rows


def resampled_metrics(
    y_true: ArrayLike,
    logits: ArrayLike,
    y_pred: ArrayLike | None,
    weights: ArrayLike,
    sample_weight: ArrayLike | None = None,
    minority: int | None = None,
    metrics: Collection[str] = tuple(METRICS),
) -> dict[str, Floats]:
    """Metrics (B,) of each replicate: those of `summary_metrics` with sample_weight * weights[b].

    Args:
        y_true: (n,) integers in 0..C-1.
        logits: (n, C) finite numbers.
        y_pred: (n,) decisions; None takes the argmax of the logits.
        weights: (B, n) of `row_weights`, finite and at least 0.
        sample_weight: (n,) weights of the rows themselves.
        minority: the class of `minority_ap` and, of two classes, of `ece`; None: the one with fewest rows.
        metrics: names of `METRICS`; only these are computed. `ece` keeps the bins of sample_weight.

    Undefined is NaN: so is every metric of a replicate without any weight. ValueError as `summary_metrics`.
    """
    return metrics_and_precisions(y_true, logits, y_pred, weights, sample_weight, minority, metrics)[0]


def metrics_and_precisions(
    y_true: ArrayLike,
    logits: ArrayLike,
    y_pred: ArrayLike | None,
    weights: ArrayLike,
    sample_weight: ArrayLike | None = None,
    minority: int | None = None,
    metrics: Collection[str] = tuple(METRICS),
) -> tuple[dict[str, Floats], Floats | None]:
    """As `resampled_metrics`; beside them the average precision (B, C) of every class.

    None instead where neither macro AP nor macro AUC is asked for: then classes were not sorted.
    """
    z = as_logits(logits)
    n, n_classes = z.shape
    truth = as_labels(y_true, n_classes, "y_true")
    if len(truth) != n:
        raise ValueError(f"y_true has {len(truth)} rows and logits {n}; as many are needed.")
    decided = z.argmax(axis=1) if y_pred is None else as_labels(y_pred, n_classes, "y_pred", n)
    unknown = [name for name in metrics if name not in METRICS]
    if unknown:
        raise ValueError(f"{unknown[0]!r} is no metric; allowed are {', '.join(METRICS)}.")
    draws = np.asarray(weights, dtype=np.float64)
    if draws.ndim != 2 or draws.shape[1] != n:
        raise ValueError(f"weights has shape {draws.shape}; (B, {n}) is needed: replicates, rows.")
    if draws.size and not (draws.min() >= 0 and draws.max() < np.inf):
        raise ValueError(
            "weights holds a negative or infinite value; finite numbers of at least 0 are needed."
        )
    own = as_weights(sample_weight, n)
    rarest = minority_class(minority, truth, n_classes)
    wanted = [name for name in METRICS if name in set(metrics)]
    ranking = Ranking(truth, ranking_scores(z), rarest, wanted) if set(RANKING) & set(wanted) else None
    found = {name: np.empty(len(draws)) for name in wanted}
    precisions = np.full((len(draws), n_classes), np.nan) if ranking is not None and ranking.whole else None
    p = _softmax(z) if "ece" in wanted else z
    for block in _blocks(len(draws), n):
        weight = draws[block] if sample_weight is None else draws[block] * own
        columns = np.ascontiguousarray(weight.T)
        values: dict[str, Floats] = {}
        if set(DECISION_METRICS) & set(wanted):
            values |= decision_metrics(_confusions(truth, decided, columns, n_classes), wanted)
        if ranking is not None:
            ap, ranked = ranking.metrics(columns)
            values |= ranked
            if precisions is not None:
                precisions[block] = ap
        values |= _probability_metrics(truth, z, weight, wanted)
        if "ece" in wanted:
            values["ece"] = resampled_errors(p, truth, own, draws[block], positive=rarest)
        empty = ~weight.any(axis=1)
        for name in wanted:
            found[name][block] = np.where(empty, np.nan, values[name])
    return found, precisions


def resampled_classes(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    n_classes: int,
    weights: ArrayLike,
    sample_weight: ArrayLike | None = None,
) -> dict[str, Floats]:
    """Precision, recall and F1 (B, C) of every class in each replicate, NaN where undefined.

    Arguments as for `resampled_metrics`.
    """
    truth = as_labels(y_true, n_classes, "y_true")
    decided = as_labels(y_pred, n_classes, "y_pred", len(truth))
    weight = np.asarray(weights, dtype=np.float64) * as_weights(sample_weight, len(truth))
    confusion = _confusions(truth, decided, np.ascontiguousarray(weight.T), n_classes)
    hit = np.diagonal(confusion, axis1=1, axis2=2)
    present, called = confusion.sum(axis=2), confusion.sum(axis=1)

    def share(part: Floats, whole: Floats, known: NDArray[np.bool_]) -> Floats:
        quotient: Floats = np.divide(part, whole, out=np.full(part.shape, np.nan), where=known)
        return quotient

    return {
        "precision": share(hit, called, called > 0),
        "recall": share(hit, present, present > 0),
        "f1": share(2 * hit, present + called, present > 0),
    }


def _codes(labels: ArrayLike, n: int, name: str) -> Ints:
    found = np.asarray(labels)
    if found.shape != (n,):
        raise ValueError(f"{name} has shape {found.shape}; ({n},) is needed.")
    return np.asarray(np.unique(found, return_inverse=True)[1], dtype=np.int64).reshape(n)


def _dirichlet(units: int, replicates: int, rng: np.random.Generator) -> Floats:
    """(B, units) weights of mean 1, with variance such that a mean's is unbiased."""
    if units == 2:
        # The limit of the parameters: one of the two, twice.
        first = rng.integers(0, 2, replicates)
        return np.stack([2.0 * first, 2.0 - 2.0 * first], axis=1)
    # A tiny floor, so that small parameters can't underflow to all zeros.
    draws = np.maximum(rng.standard_gamma((units - 2) / units, (replicates, units)), 1e-300)
    return np.asarray(draws / draws.mean(axis=1, keepdims=True))


def _blocks(replicates: int, n: int) -> Iterator[slice]:
    size = max(1, CELLS // n)
    return (slice(start, start + size) for start in range(0, replicates, size))


def _confusions(truth: Ints, decided: Ints, weight: Floats, n_classes: int) -> Floats:
    """(B, C, C): weight, given as (n, B), by truth and decision."""
    cells = adder(truth * n_classes + decided, np.arange(len(truth)), (n_classes**2, len(truth)))
    return np.ascontiguousarray((cells @ weight).T).reshape(-1, n_classes, n_classes)


def decision_metrics(confusion: Floats, wanted: Collection[str]) -> dict[str, Floats]:
    """Those of `DECISION_METRICS`, each (B,), from confusions (B, C, C); `mcc` where wanted."""
    hit = np.diagonal(confusion, axis1=1, axis2=2)
    present, called = confusion.sum(axis=2), confusion.sum(axis=1)
    there = present > 0
    count = np.maximum(there.sum(axis=1), 1)
    recall = np.divide(hit, present, out=np.zeros_like(hit), where=there)
    f1 = np.divide(2 * hit, present + called, out=np.zeros_like(hit), where=there)
    total = confusion.sum(axis=(1, 2))
    # A class without weight has no recall: it counts as 1 in a product or minimum.
    factor = np.where(there, recall, 1.0)
    none = (factor <= 0).any(axis=1)
    log = np.log(np.where(factor > 0, factor, 1.0)).sum(axis=1)
    values = {
        "macro_f1": f1.sum(axis=1) / count,
        "balanced_accuracy": recall.sum(axis=1) / count,
        "g_mean": np.where(none, 0.0, np.exp(log / count)),
        "worst_class_recall": factor.min(axis=1),
        "accuracy": np.divide(hit.sum(axis=1), total, out=np.zeros_like(total), where=total > 0),
    }
    if "mcc" in wanted:
        values["mcc"] = _mcc(confusion)
    return values


def _mcc(confusion: Floats) -> Floats:
    """(B,) as the single one of `metrics`, in the same sums."""
    total = confusion.sum(axis=(1, 2), keepdims=True)
    shares = confusion / np.where(total > 0, total, 1.0)
    present, called = shares.sum(axis=2), shares.sum(axis=1)
    others = 1 - np.eye(shares.shape[1])
    spread = np.sqrt(((present @ others) * present).sum(axis=1)) * np.sqrt(
        ((called @ others) * called).sum(axis=1)
    )
    rest = ((others @ shares) * others).sum(axis=2)
    missed, false = (shares * others).sum(axis=2), (shares * others).sum(axis=1)
    along = (np.diagonal(shares, axis1=1, axis2=2) * rest - missed * false).sum(axis=1)
    varied = (np.count_nonzero(present, axis=1) > 1) & (np.count_nonzero(called, axis=1) > 1) & (spread > 0)
    mcc: Floats = np.divide(along, spread, out=np.zeros(len(shares)), where=varied)
    return mcc


def _softmax(logits: Floats) -> Floats:
    p = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(p / p.sum(axis=1, keepdims=True))


def _probability_metrics(
    truth: Ints, logits: Floats, weight: Floats, wanted: Collection[str]
) -> dict[str, Floats]:
    if not {"log_loss", "brier"} & set(wanted):
        return {}
    rows = np.arange(len(truth))
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    p = np.exp(log_p)
    error = p.copy()
    error[rows, truth] -= 1
    total = weight.sum(axis=1)
    losses = np.stack([-log_p[rows, truth], (error * error).sum(axis=1)], axis=1)
    means = np.divide(
        weight @ losses, total[:, None], out=np.zeros((len(total), 2)), where=total[:, None] > 0
    )
    return {"log_loss": means[:, 0], "brier": means[:, 1]}
