"""The verdict claims what the numbers allow, and no more."""

from __future__ import annotations

from typing import Any

from imbalance_bench.evaluation.statistics import Needed
from imbalance_bench.report.verdict import verdict


def difference(strategy: str, mean: float, half: float, p: float | None, **more: Any) -> dict[str, Any]:
    row = {"strategy": strategy, "baseline": "cross-entropy", "metric": "minority_ap", "n": 5}
    return row | {"mean": mean, "low": mean - half, "high": mean + half, "p_raw": p, "p_value": p} | more


def part(strategy: str, gain: float, moved: float, model: float, half: float) -> dict[str, Any]:
    row: dict[str, Any] = {"strategy": strategy, "metric": "macro_f1"}
    for name, value in (("gain", gain), ("threshold_effect", moved), ("model_effect", model)):
        row |= {name: value, f"{name}_low": value - half, f"{name}_high": value + half}
    return row


def said(
    rows: list[dict[str, Any]],
    parts: list[dict[str, Any]] | None = None,
    metric: str = "minority_ap",
    test_prior: Any = None,
    **more: Any,
) -> str:
    content: dict[str, Any] = {"primary_metric": metric, "baseline": "cross-entropy", "differences": rows}
    content |= {"decomposition": parts or [], "vary": "all"}
    content["test_prior"] = test_prior or {"a": 0.9, "b": 0.05, "c": 0.05}
    return "\n".join(verdict(content, **({"needed": {}, "scarce": {}} | more)))


def test_a_real_gain_is_named_with_interval_and_p() -> None:
    text = said([difference("smote", 0.04, 0.02, 0.004), difference("focal", -0.05, 0.02, 0.0004)])
    assert "Better than cross-entropy in minority AP: smote by .040 (.020 to .060), p .004." in text
    assert "Worse than cross-entropy: focal by .050 (-.070 to -.030), p < .001." in text
    assert "other data drawn alike and other trainings" in text


def test_it_can_say_that_none_is_better() -> None:
    text = said([difference("focal", -0.05, 0.02, 0.001), difference("logit-adjustment", 0, 0, 1.0)])
    assert "None of these beats cross-entropy in minority AP on these data." in text
    assert "Better" not in text


def test_with_decisions_the_rival_has_a_tuned_threshold() -> None:
    plain = difference("smote", 0.2, 0.01, 0.001, metric="macro_f1")
    tuned = difference(
        "smote+threshold", -0.03, 0.02, 0.01, metric="macro_f1", baseline="cross-entropy+threshold"
    )
    text = said([plain, tuned], metric="macro_f1")
    assert "None of these beats cross-entropy with a tuned threshold in macro F1 on these data." in text
    assert "Better" not in text


def test_what_is_open_is_called_open_with_the_seeds_that_it_takes() -> None:
    rows = [difference("smote", 0.03, 0.05, 0.2), difference("focal", 0.002, 0.004, 0.4)]
    text = said(rows, needed={"smote": Needed(11, 0.0, 0.0)})
    assert "no strategy is shown to beat cross-entropy" in text
    assert "Within .010 of cross-entropy, either way: focal." in text
    assert "Not told apart from cross-entropy" in text
    assert "smote (-.020 to .080)" in text
    assert "To tell a difference of .030, as found for smote, takes about 11 seeds" in text
    limited = said(rows, needed={"smote": Needed(None, 0.06, 4.0)})
    assert "no number of seeds tells less than .060" in limited


def test_smaller_is_better_for_losses() -> None:
    row = difference("smote", -0.04, 0.02, 0.004, metric="log_loss")
    assert "Better than cross-entropy in log-loss: smote by .040" in said([row], metric="log_loss")


def test_one_seed_and_few_rows() -> None:
    assert "One seed can't tell" in said([difference("smote", 0.04, 0.02, 0.2, n=1)])
    scarce = {f"c{i}": (i, 100) for i in range(6)}
    text = said([difference("smote", 0.04, 0.02, 0.004)], scarce=scarce)
    assert "No verdict on classes with fewer than 20 validation or test images: c0 (0 and 100)" in text
    assert "and 2 more" in text


def test_the_moved_threshold_is_told_from_the_model() -> None:
    rows = [difference("smote", 0.001, 0.002, 0.9)]
    nothing = said(rows, [part("smote", 0.1, 0.09, 0.01, 0.02)])
    assert "smote gains .100 in macro F1 over plain cross-entropy" in nothing
    assert "moving the threshold of cross-entropy alone gains .090" in nothing
    assert "may be nothing" in nothing
    real = said(rows, [part("smote", 0.1, 0.03, 0.07, 0.02)])
    assert ".070 (.050 to .090) is more than a moved threshold" in real
    lost = said(rows, [part("smote", 0.01, 0.03, -0.02, 0.02)])
    assert "No strategy is shown to gain in macro F1 over plain cross-entropy" in lost
    assert "whose threshold alone, moved, gains .030 (.010 to .050)" in lost


def test_a_metric_that_hangs_on_few_rows_gets_no_verdict() -> None:
    rows = [difference("smote", 0.04, 0.02, 0.004)]
    of_three = said(rows, scarce={"c": (12, 15)}, minority="c")
    assert of_three.splitlines() == [
        "No verdict on classes with fewer than 20 validation or test images: c (12 and 15).",
        "Minority AP hangs on so few images here that no strategy can be told from another.",
    ]
    # Another scarce class than the one that the metric speaks of.
    assert "Better than cross-entropy" in said(rows, scarce={"b": (12, 15)}, minority="c")
    macro = [difference("smote", 0.04, 0.02, 0.004, metric="macro_f1")]
    assert "Better than" in said(macro, metric="macro_f1", scarce={"c": (12, 15)}, minority="c")
    # Every metric of two classes hangs on the rarer.
    two = said(macro, metric="macro_f1", scarce={"c": (12, 15)}, test_prior={"a": 0.98, "c": 0.02})
    assert "Macro F1 hangs on so few images" in two
    assert "Better" not in two


def test_nothing_to_compare_gives_no_sentence() -> None:
    assert said([]) == ""
