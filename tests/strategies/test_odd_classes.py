"""Every strategy, and a pair of every kind, on data with odd classes: finite numbers, or a refusal first.

All pairs: python -m benchmarks.all_pairs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.all_pairs import COUNTS, odd_classes, outcome, specs
from imbalance_bench.strategies import create

GROWS_BY_NEIGHBOURS = {"smote", "smote:space=features", "imblearn:SMOTE", "imblearn:SMOTEENN"}
"""What needs more than one row of a class."""

PAIRS = {
    "rows and loss": "oversample+focal",
    "rows and a shift in the loss": "square-root-sampling+balanced-softmax",
    "rows and weights": "undersample+class-weights",
    "rows and a head of cosines": "class-balanced-sampling+ldam",
    "rows from elsewhere and late weights": "imblearn:RandomOverSampler+drw",
    "mixed labels and loss": "mixup+balanced-softmax",
    "loss and weights": "poly-1+class-balanced",
    "weights and weights": "class-weights+drw",
    "stages and loss": "drs+focal",
    "stages and weights": "two-phase:tune=all+class-balanced",
    "stages on features and weights": "two-phase+drw",
    "a start and a loss": "crt+label-aware-smoothing",
    "a start and a head of cosines": "crt+ldam",
    "loss and scores": "asymmetric+tau-norm",
    "start and scores": "crt+logit-adjustment",
    "scores and scores": "tau-norm+logit-adjustment",
    "scores and decision": "logit-adjustment+threshold",
    "loss, weights, scores and decision": "ldam+drw+logit-adjustment+threshold",
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Where all runs of this module stand, so that the baseline is trained once for each data set."""
    with odd_classes():
        yield tmp_path_factory.mktemp("odd")


@pytest.mark.parametrize("kind", COUNTS)
@pytest.mark.parametrize("spec", specs())
def test_every_strategy_trains_or_refuses(spec: str, kind: str, stored: Path) -> None:
    ended, why = outcome(spec, kind, 4, stored)
    if kind == "one-member" and spec in GROWS_BY_NEIGHBOURS:
        assert ended == "refused"
        assert re.search(r"class 'class-\d' has \d training row", why)
        assert "oversample" in why
    else:
        assert (ended, why) == ("trained", "")


@pytest.mark.slow
@pytest.mark.parametrize("kind", COUNTS)
@pytest.mark.parametrize("spec", PAIRS.values(), ids=PAIRS)
def test_a_pair_of_every_kind_trains(spec: str, kind: str, stored: Path) -> None:
    assert outcome(spec, kind, 4, stored) == ("trained", "")


def test_a_refused_strategy_was_not_trained(stored: Path) -> None:
    assert outcome("smote+drw", "one-member", 4, stored)[0] == "refused"
    assert not list(stored.rglob("smote+drw/*/run.json"))
    assert outcome("oversample+drw", "one-member", 4, stored)[0] == "trained"
    assert list(stored.rglob("oversample+drw/*/run.json"))


def test_the_catalogue_holds_what_was_asked_for() -> None:
    assert {create(spec).spec for spec in specs()} >= {
        "cross-entropy", "undersample", "oversample", "smote", "smote:space=features",
        "imblearn:RandomUnderSampler", "focal", "class-weights", "class-balanced", "class-balanced-focal",
        "balanced-softmax", "logit-adjusted-loss", "ldam", "drw", "drs", "mixup", "crt", "tau-norm",
        "logit-adjustment", "threshold", "class-balanced-sampling", "square-root-sampling", "poly-1",
        "asymmetric", "label-aware-smoothing", "two-phase",
    }  # fmt: skip
