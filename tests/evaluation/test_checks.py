"""What the public functions refuse, and that they say what was found and what is allowed."""

from __future__ import annotations

import numpy as np
import pytest

from imbalance_bench.evaluation import per_class_report, summary_metrics
from imbalance_bench.evaluation.metrics import per_class_rows, ranking_scores


def names(n_classes: int) -> list[str]:
    return [f"c{i}" for i in range(n_classes)]


GOOD = {"y_true": [0, 1, 1], "y_pred": [0, 1, 0], "logits": np.zeros((3, 2)), "sample_weight": [1, 1, 1]}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"y_true": []}, r"y_true has shape \(0,\)"),
        ({"y_true": [[0, 1, 1]]}, r"y_true has shape \(1, 3\)"),
        ({"y_true": [0, 1, 2]}, "y_true ranges from 0 to 2; 0 to 1 are allowed"),
        ({"y_true": [-1, 1, 1]}, "y_true ranges from -1 to 1"),
        ({"y_true": [0.0, 1.0, 1.0]}, "y_true has type float64"),
        ({"y_pred": [0, 1]}, "y_pred has 2 rows; y_true has 3"),
        ({"y_pred": [0, 1, 5]}, "y_pred ranges from 0 to 5"),
        ({"logits": np.zeros((3, 3))}, r"shape \(3, 3\); \(3, 2\) is needed"),
        ({"logits": np.zeros(3)}, r"shape \(3,\)"),
        ({"logits": [[0, 0], [0, np.nan], [0, 0]]}, "NaN in row 1"),
        ({"sample_weight": [1, 1]}, r"sample_weight has shape \(2,\); \(3,\)"),
        ({"sample_weight": [1, -1, 1]}, "sample_weight of row 1 is -1.0"),
        ({"sample_weight": [1, 1, np.inf]}, "sample_weight of row 2 is inf"),
        ({"sample_weight": [0, 0, 0]}, "0 for every row"),
    ],
)
def test_what_is_none_is_refused(change, message):
    given = GOOD | change
    truth, predicted, logits, weight = (given[key] for key in GOOD)
    with pytest.raises(ValueError, match=message):
        summary_metrics(truth, logits, names(2), weight, y_pred=predicted)
    for table in (per_class_rows, per_class_report):
        with pytest.raises(ValueError, match=message):
            table(truth, predicted, names(2), logits, weight)


def test_what_only_the_summary_refuses():
    with pytest.raises(ValueError, match="minority is 2; allowed are 0 to 1"):
        summary_metrics([0, 1], np.eye(2), names(2), minority=2)
    with pytest.raises(ValueError, match="not finite in row 1"):
        summary_metrics([0, 1], [[0, 1], [np.inf, 0]], names(2))
    with pytest.raises(ValueError, match="1 names; at least 2"):
        summary_metrics([0], [[1.0]], ["only"])
    with pytest.raises(ValueError, match=r"\(2, 1\)"):
        ranking_scores([[1.0], [2.0]])
