"""Logits made to stand for other class shares than those they were trained under."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from imbalance_bench.evaluation.checks import as_labels, as_logits, as_weights

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
NEGLIGIBLE = -1e3
"""Logit of a class of share 0: finite, and its probability rounds to 0."""
ROUGHLY_NONE = 1e-4
"""Least share in an anchor: a class that is nearly absent must not run away from the fit."""
SHARPEST, FLATTEST = 20.0, 0.05
"""Bounds of 1 / T."""


@dataclass(frozen=True, eq=False)
class Correction:
    """Maps logits (n, C) to logits / temperature + bias; softmax gives the corrected probabilities.

    Attributes:
        temperature: above 0; 1 where only class shares are corrected.
        bias: (C,).
        kind: "exact" from known class shares; "fitted" on validation; "none" where validation could tell
            nothing, and the logits stay as they are.
        rows: (C,) validation rows per class that a fit rests on; zeros for the exact correction.
    """

    temperature: float
    bias: Floats
    kind: Literal["exact", "fitted", "none"]
    rows: Ints

    def __call__(self, logits: ArrayLike) -> Floats:
        """(n, C) corrected logits."""
        return np.asarray(as_logits(logits) / self.temperature + self.bias)


def exact_correction(
    effective_prior: ArrayLike, target_prior: ArrayLike, shift: ArrayLike | None = None
) -> Correction:
    """z + log pi_target - log pi_effective - shift: Saerens, Latinne & Decaestecker 2002; Elkan 2001.

    Exact where the scores are the posterior under the effective prior, up to the known `shift`.

    Args:
        effective_prior: (C,) shares that the loss was fed, proportional to rows drawn times class weight.
        target_prior: (C,) shares that the probabilities shall stand for. A class of share 0 gets
            probability 0, by a logit that is finite and negligible.
        shift: (C,) what was added to the logits after training (or, taken off: what the loss added while
            training); None for nothing.

    ValueError where a class has a share in the target and none in the effective prior: its logit means
    nothing, and only a fit can help. Neither needs to sum to 1.
    """
    effective, target = (np.asarray(prior, dtype=np.float64) for prior in (effective_prior, target_prior))
    for name, prior in (("effective", effective), ("target", target)):
        if prior.ndim != 1 or prior.shape != effective.shape or len(prior) < 2:
            raise ValueError(
                f"the {name} prior has shape {prior.shape}; (C,) with C >= 2, one each, is needed."
            )
        if not (np.isfinite(prior).all() and (prior >= 0).all() and prior.any()):
            raise ValueError(
                f"the {name} prior is {prior.tolist()}; shares of at least 0, not all 0, are needed."
            )
    unknown = np.flatnonzero((effective == 0) & (target > 0))
    if unknown.size:
        raise ValueError(
            f"class {unknown[0]} has a share of {target[unknown[0]]:g} in the target prior and none in the "
            "effective one: there is no exact correction; fit one on validation."
        )
    wanted = target > 0
    bias = np.full(len(target), NEGLIGIBLE)
    bias[wanted] = np.log(target[wanted] / target.sum()) - np.log(effective[wanted] / effective.sum())
    if shift is not None:
        bias[wanted] -= np.asarray(shift, dtype=np.float64)[wanted]
    return Correction(1.0, bias, "exact", np.zeros(len(target), dtype=np.int64))


def corrected(
    logits: ArrayLike, effective_prior: ArrayLike, target_prior: ArrayLike, shift: ArrayLike | None = None
) -> Floats:
    """(n, C) logits after `exact_correction`.

    >>> keeping_a_tenth = corrected([[0.0, 0.0]], [0.1 * 10 / 11, 1 / 11], [10 / 11, 1 / 11])
    >>> round(float(1 / (1 + np.exp(keeping_a_tenth[0, 0] - keeping_a_tenth[0, 1]))), 3)
    0.091
    """
    return exact_correction(effective_prior, target_prior, shift)(logits)


def fit_correction(
    logits: ArrayLike,
    labels: ArrayLike,
    sample_weight: ArrayLike | None = None,
    *,
    anchor: ArrayLike | None = None,
) -> Correction:
    """One temperature and one bias per class, by penalised log-loss on validation.

    "Bias-corrected temperature scaling": Alexandari, Kundaje & Shrikumar 2020, "Maximum likelihood with
    bias-corrected calibration is hard-to-beat at label shift adaptation", arXiv:1901.06852. The bias undoes
    a prior that is not known exactly, the temperature what focal, mixup and the like do to confidence.

    The fit is convex in (1 / T, bias), so it has one solution. Biases are drawn to `anchor` and 1 / T to 1 as
    by a normal prior of standard deviation 1 against the effective number of rows, (sum w)^2 / sum w^2: a
    class of one validation row moves about half of what it asks for, one of 50 nearly all. A class without
    rows keeps its anchor. Of the fits from the anchor and from no bias the one of less log-loss is kept,
    unless the logits as they are have less.

    Args:
        logits: (n, C) finite, of validation.
        labels: (n,) in 0..C-1.
        sample_weight: (n,) weights that make validation stand for the target prior; None weighs all alike.
        anchor: (C,) the bias that an approximate prior suggests: log pi_target - log pi_effective; None is 0.

    Returns a correction of kind "none" where fewer than two classes have weight.
    ValueError on shapes that differ, labels outside 0..C-1, logits or weights that are none.
    """
    z = as_logits(logits)
    y = as_labels(labels, z.shape[1], "labels", len(z))
    w = as_weights(sample_weight, len(z))
    z, y, w = z[w > 0], y[w > 0], w[w > 0]
    rows = np.bincount(y, minlength=z.shape[1])
    best = Correction(1.0, np.zeros(z.shape[1]), "none", rows)
    if np.count_nonzero(rows) < 2:
        return best
    least = _loss_of(z, y, w)
    starts = [np.zeros(z.shape[1])]
    if anchor is not None:
        given = np.asarray(anchor, dtype=np.float64)
        if given.shape != starts[0].shape or not np.isfinite(given).all():
            raise ValueError(f"anchor is {given.tolist()}; {z.shape[1]} finite numbers are needed.")
        starts.append(given - given.mean())
    for start in starts:
        found = _fit(z, y, w, rows, start)
        loss = _loss_of(found(z), y, w)
        if loss <= least:
            best, least = found, loss
    return replace(best, kind="fitted")


def _fit(z: Floats, y: Ints, w: Floats, rows: Ints, anchor: Floats) -> Correction:
    from scipy.optimize import minimize
    from scipy.special import softmax

    share = w / w.sum()
    effective = w.sum() ** 2 / (w * w).sum()
    free = np.flatnonzero(rows > 0)
    index = np.arange(len(z))

    def objective(at: Floats) -> tuple[float, Floats]:
        """Penalised loss and its gradient at (1 / T, the biases of classes with rows)."""
        bias = anchor.copy()
        bias[free] += at[1:]
        eta = at[0] * z + bias
        off = softmax(eta, axis=1)
        eta -= eta.max(axis=1, keepdims=True)
        loss = share @ (np.log(np.exp(eta).sum(axis=1)) - eta[index, y])
        off[index, y] -= 1
        off *= share[:, None]
        away = at - np.append(1.0, np.zeros(len(free)))
        slopes = np.append((off * z).sum(), off.sum(axis=0)[free])
        return float(loss + away @ away / (2 * effective)), slopes + away / effective

    start = np.append(1.0, np.zeros(len(free)))
    bounds = [(FLATTEST, SHARPEST), *[(None, None)] * len(free)]
    solved = minimize(
        objective,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": 1000, "maxfun": 5000, "ftol": 1e-14, "gtol": 1e-9, "maxcor": 20},
    )
    bias = anchor.copy()
    bias[free] += solved.x[1:]
    return Correction(1 / float(solved.x[0]), bias - bias.mean(), "fitted", rows)


def _loss_of(z: Floats, y: Ints, w: Floats) -> float:
    shifted = z - z.max(axis=1, keepdims=True)
    losses = np.log(np.exp(shifted).sum(axis=1)) - shifted[np.arange(len(z)), y]
    return float((w * losses).sum() / w.sum())


def correction_for(
    exact: bool,
    effective_prior: ArrayLike,
    target_prior: ArrayLike,
    shift: ArrayLike,
    logits: ArrayLike,
    labels: ArrayLike,
    sample_weight: ArrayLike,
) -> Correction:
    """The exact correction where the scores' prior is known, else the fit on validation; `kind` tells which.

    Args:
        exact: whether the scores are, but for `shift`, a posterior under the effective prior.
        effective_prior, target_prior, shift: (C,) each, see `exact_correction`. Where a fit is needed they
            give its anchor.
        logits, labels, sample_weight: (n, C) with the shift, (n,) and (n,), of validation.
    """
    effective, target = (np.asarray(prior, dtype=np.float64) for prior in (effective_prior, target_prior))
    if exact and (effective[target > 0] > 0).all():
        return exact_correction(effective, target, shift)
    effective, target = (np.maximum(prior / prior.sum(), ROUGHLY_NONE) for prior in (effective, target))
    anchor = exact_correction(effective, target, shift).bias
    return fit_correction(logits, labels, sample_weight, anchor=anchor)
