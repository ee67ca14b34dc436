"""The article's worked example against literals, the project's own loss, and the laws of focal loss."""

from __future__ import annotations

import csv
import io
import json
import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from imbalance_bench.losses import focal_loss
from imbalance_bench.report.article import (
    EXAMPLE,
    agree,
    by_class,
    code_sample,
    cross_entropy,
    decimal,
    focal,
)
from imbalance_bench.report.article_page import article_result, render_article
from imbalance_bench.report.article_slips import slips

# The article as it is printed, and the right values (golden.md; the focal ones computed by hand beside it).
LABELS = [0, 0, 0, 0, 1]
P_HEALTHY = [0.8, 0.9, 0.7, 0.6, 0.1]
P_DISEASED = [0.2, 0.1, 0.3, 0.4, 0.9]
CE_PRINTED = [0.2231435, 0.1053605, 0.3566749, 0.5150763, 0.1053605]
FOCAL_PRINTED = [0.0436035, 0.0160707, 0.0479158, 0.0687455, 0.8]
CE = [0.223144, 0.105361, 0.356675, 0.510826, 0.105361]
FOCAL = {
    None: [0.0089257421, 0.0010536052, 0.0321007449, 0.0817320998, 0.0010536052],
    0.25: [0.0066943065, 0.0007902039, 0.0240755587, 0.0612990749, 0.0002634013],
    0.75: [0.0022314355, 0.0002634013, 0.0080251862, 0.0204330250, 0.0007902039],
}
CODE = [0.2575100660, 0.4662734813, 0.1474866685, 0.0824661659, 0.0002634013]

probability = st.floats(1e-6, 1 - 1e-6)
exponent = st.floats(0.01, 10)
factor = st.floats(1e-3, 1e3)


def result(alpha: float | None = 0.25, gamma: float = 2.0) -> dict[str, Any]:
    return article_result(alpha, gamma, None if alpha is None else by_class(alpha))


def column(name: str, found: dict[str, Any] | None = None) -> list[Any]:
    return [row[name] for row in (found or result())["rows"]]


@pytest.fixture(scope="module")
def numbers() -> dict[str, dict[str, Any]]:
    return {slip.name: dict(slip.numbers) for slip in slips()}


def test_what_the_article_prints() -> None:
    assert column("image") == [1, 2, 3, 4, 5]
    assert column("label") == [("healthy", "diseased")[label] for label in LABELS]
    assert column("p_healthy") == P_HEALTHY
    assert column("p_diseased") == P_DISEASED
    assert column("p_true") == [0.8, 0.9, 0.7, 0.6, 0.9]
    assert column("cross_entropy_printed") == CE_PRINTED
    assert column("focal_printed") == FOCAL_PRINTED


def test_cross_entropy() -> None:
    assert column("cross_entropy") == pytest.approx(CE, abs=5e-7)
    assert column("cross_entropy_agrees") == [True, True, True, False, True]


@pytest.mark.parametrize("alpha", [None, 0.25, 0.75])
def test_focal_column(alpha: float | None) -> None:
    found = result(alpha)
    assert column("focal", found) == pytest.approx(FOCAL[alpha], abs=1e-10)
    assert column("focal_agrees", found) == [False] * 5
    assert found["weights"] == {
        "healthy": 1.0 if alpha is None else 1 - alpha,
        "diseased": 1.0 if alpha is None else alpha,
    }


def test_readings_of_the_article_do_not_depend_on_the_request() -> None:
    for found in (result(), result(None, 0.0), result(1.0, 7.0)):
        assert column("focal_article_no_alpha", found) == pytest.approx(FOCAL[None], abs=1e-10)
        assert column("focal_article_alpha_25", found) == pytest.approx(FOCAL[0.25], abs=1e-10)
        assert column("focal_article_alpha_75", found) == pytest.approx(FOCAL[0.75], abs=1e-10)
        assert column("focal_article_code", found) == pytest.approx(CODE, abs=1e-10)


@pytest.mark.parametrize("gamma", [0.0, 0.5, 1.0, 2.0, 5.0, 50.0])
@pytest.mark.parametrize("alpha", [None, 0.0, 0.25, 0.5, 0.75, 0.9, 1.0, (0.2, 0.8), (3.0, 40.0)])
def test_same_as_the_loss_that_trains(alpha: float | tuple[float, float] | None, gamma: float) -> None:
    weights = by_class(alpha) if isinstance(alpha, float) else alpha
    logits = torch.tensor([P_HEALTHY, P_DISEASED], dtype=torch.float64).T.log()
    expected = focal_loss(logits, torch.tensor(LABELS), gamma=gamma, alpha=alpha, reduction="none")
    found = column("focal", article_result(alpha, gamma, weights))
    assert found == pytest.approx(expected.tolist(), rel=1e-6, abs=1e-12)


def test_code_sample_is_the_formula_without_targets() -> None:
    logits = torch.tensor([math.log(d / h) for h, d in zip(P_HEALTHY, P_DISEASED, strict=True)])
    p = torch.sigmoid(logits)
    expected = 0.25 * (1 - p) ** 2 * -torch.log(p)
    assert [code_sample(image) for image in EXAMPLE] == pytest.approx(expected.tolist(), abs=1e-6)


def test_gamma_0_without_alpha_is_cross_entropy() -> None:
    found = result(None, 0.0)
    assert column("focal", found) == pytest.approx(column("cross_entropy", found), rel=0, abs=1e-12)


@given(p=probability, gamma=exponent, weight=factor)
def test_doubling_the_weight_doubles(p: float, gamma: float, weight: float) -> None:
    assert focal(p, gamma, 2 * weight) == pytest.approx(2 * focal(p, gamma, weight), rel=1e-12, abs=0)


@given(a=probability, b=probability, gamma=exponent, weight=factor)
def test_focal_over_cross_entropy_rises_with_1_minus_p(
    a: float, b: float, gamma: float, weight: float
) -> None:
    low, high = sorted((a, b))
    harder = focal(low, gamma, weight) / cross_entropy(low)
    easier = focal(high, gamma, weight) / cross_entropy(high)
    assert harder >= easier * (1 - 1e-12)
    if high - low > 1e-6:
        assert harder > easier


@given(alpha=st.floats(0, 1), gamma=st.floats(0, 50))
def test_alpha_of_at_most_1_never_exceeds_cross_entropy(alpha: float, gamma: float) -> None:
    for row in result(alpha, gamma)["rows"]:
        assert row["focal"] <= row["cross_entropy"]


def test_every_slip_is_named_once() -> None:
    assert [slip.name for slip in slips()] == [
        "wrong-logarithm", "fits-no-setting", "easy-called-hard", "above-its-bound", "same-p",
        "targets-unused", "one-alpha-for-all", "sigmoid-underflow", "two-alphas",
    ]  # fmt: skip
    assert all(slip.text.endswith(".") and slip.numbers for slip in slips())


def test_wrong_logarithm(numbers: dict[str, dict[str, Any]]) -> None:
    found = numbers["wrong-logarithm"]
    assert (found["image"], found["printed"]) == (4, 0.5150763)
    assert found["right"] == pytest.approx(0.5108256, abs=5e-8)
    assert found["p_needed"] == pytest.approx(0.597455, abs=1e-6)


def test_focal_column_fits_no_setting(numbers: dict[str, dict[str, Any]]) -> None:
    found = numbers["fits-no-setting"]
    assert found["images"] == [2, 1, 3, 4]
    assert found["ratios"] == pytest.approx([0.1525, 0.1954, 0.1343, 0.1346], abs=5e-5)
    # log(.19541/.15253)/log 2, log(.13434/.19541)/log 1.5, log(.13458/.13434)/log(4/3)
    assert found["gammas_needed"] == pytest.approx([0.3574, -0.9241, 0.0061], abs=1e-4)


def test_image_5(numbers: dict[str, dict[str, Any]]) -> None:
    easy, above = numbers["easy-called-hard"], numbers["above-its-bound"]
    assert (easy["image"], easy["p_true"], easy["rank_of_p_true"], easy["tied_with"]) == (5, 0.9, 1, [2])
    assert easy["focal_no_alpha"] == pytest.approx(0.00105361, abs=5e-9)
    assert (above["image"], above["printed"]) == (5, 0.8)
    assert above["ratio"] == pytest.approx(7.592977, abs=1e-6)
    assert above["weight_needed"] == pytest.approx(759.2977, abs=1e-4)


def test_same_p(numbers: dict[str, dict[str, Any]]) -> None:
    found = numbers["same-p"]
    assert found["images"] == [2, 5]
    assert found["ratio"] == pytest.approx(49.78, abs=5e-3)
    assert found["alpha_needed"] == pytest.approx(0.98, abs=5e-4)
    assert found["gamma_needed"] == pytest.approx(-0.889, abs=5e-4)
    # With these two the pair is indeed as printed.
    alpha, gamma = found["alpha_needed"], found["gamma_needed"]
    pair = [EXAMPLE[i].focal(gamma, by_class(alpha)) for i in (1, 4)]
    assert pair == pytest.approx([0.0160707, 0.8], rel=1e-9)


def test_slips_of_the_code(numbers: dict[str, dict[str, Any]]) -> None:
    unused, one, underflow = (
        numbers[name] for name in ("targets-unused", "one-alpha-for-all", "sigmoid-underflow")
    )
    assert unused["code"] == pytest.approx(CODE, abs=1e-10)
    assert unused["right"] == pytest.approx(FOCAL[0.25], abs=1e-10)
    assert unused["costliest_image"] == 2
    assert one["ratio_one_alpha"] == pytest.approx([1, 1])
    assert one["ratio_by_class"] == pytest.approx([1 / 3, 3])
    assert underflow == {"logit": -120.0, "sigmoid": 0.0, "naive": None, "stable": 120.0}
    logit = torch.tensor(-120.0)
    assert torch.isinf(torch.log(torch.sigmoid(logit)))
    assert -torch.nn.functional.logsigmoid(logit).item() == 120.0


def test_two_alphas(numbers: dict[str, dict[str, Any]]) -> None:
    found = numbers["two-alphas"]
    assert (found["alphas"], found["gamma"]) == ([0.25, 0.75], 2.0)
    assert found["weight_ratios"] == pytest.approx([1 / 3, 3])
    for values, alpha in zip(found["focal"], (0.25, 0.75), strict=True):
        assert values == pytest.approx(FOCAL[alpha], abs=1e-10)


@pytest.mark.parametrize(
    ("printed", "right", "same"),
    [(0.2231435, 0.22314355, True), (0.2231436, 0.22314355, True), (0.2231434, 0.22314355, False)],
)
def test_the_last_digit_may_be_cut_off_or_rounded(printed: float, right: float, same: bool) -> None:
    assert agree(printed, right) is same


@pytest.mark.parametrize(
    ("value", "places", "text"),
    [
        (0.8, 1, ".8"),
        (0.0, 2, ".00"),
        (-0.889, 2, "-.89"),
        (1.5, 2, "1.50"),
        (10.0, 1, "10.0"),
        (0.5, 7, ".5000000"),
    ],
)
def test_decimal(value: float, places: int, text: str) -> None:
    assert decimal(value, places) == text


def test_json_and_csv_hold_the_same_rows() -> None:
    found = result()
    read = json.loads(render_article(found, "json", 80))
    assert read == found
    rows = list(csv.DictReader(io.StringIO(render_article(found, "csv", 80))))
    assert [{k: str(v) for k, v in row.items()} for row in found["rows"]] == rows


@pytest.mark.parametrize("width", [30, 60, 80, 120, 200])
@pytest.mark.parametrize(("alpha", "gamma"), [(0.25, 2.0), (None, 0.0), (0.75, 50.0), (1.0, 1e-6)])
def test_no_line_is_wider_than_the_page(width: int, alpha: float | None, gamma: float) -> None:
    text = render_article(result(alpha, gamma), "terminal", width)
    assert max(map(len, text.splitlines())) <= width
    assert text.endswith(".\n")
    if width >= 80:
        assert "not shown" not in text
        assert "\n 4       healthy       .6   *.5150763   .5108256   *.0687455" in text


def test_markdown_marks_the_wrong_cells() -> None:
    text = render_article(result(), "markdown", 80)
    assert "| 4 | healthy | .6 | *.5150763 | .5108256 | *.0687455 | .0612991 |" in text
    assert "| 5 | diseased | .9 | .1053605 | .1053605 | *.8000000 | .0002634 |" in text
    assert "\n9. Two alphas. " in text


def test_large_and_tiny_values_stay_short() -> None:
    large = render_article(article_result((0.0, 1e6), 0.0, (0.0, 1e6)), "terminal", 80)
    assert "105360.5" in large
    assert "not shown" not in large
    assert "1.05e-51" in render_article(result(None, 50.0), "terminal", 80)
