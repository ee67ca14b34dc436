"""The verdict claims what the numbers allow, and no more."""

from __future__ import annotations

from typing import Any

from imbalance_bench.evaluation.statistics import Needed
from imbalance_bench.report.verdict import verdict


def difference(strategy: str, mean: float, half: float, p: float | None, **more: Any) -> dict[str, Any]:
    row = {"strategy": strategy, "baseline": "cross-entropy", "metric": "minority_ap", "n": 5}
    return row | {"mean": mean, "low": mean - half, "high": mean + half, "p_raw": p, "p_value": p} | more


def part(strategy: str, gain: float, moved: float, model: float, half: float) -> dict[str, Any]:
    row: dict[str, Any] = {"strategy": strategy, "tuned": f"{strategy}+threshold", "metric": "macro_f1"}
    row |= {"model_effect_p": 0.01, "n": 5}
    effects = (gain, moved, model, moved + model - gain)
    names = ("gain", "threshold_effect", "model_effect", "own_threshold_effect")
    for name, value in zip(names, effects, strict=True):
        row |= {name: value, f"{name}_low": value - half, f"{name}_high": value + half}
    return row


def said(
    rows: list[dict[str, Any]],
    parts: list[dict[str, Any]] | None = None,
    metric: str = "minority_ap",
    test_prior: Any = None,
    seeds: Any = (0, 1, 2, 3, 4),
    baseline: str = "cross-entropy",
    **more: Any,
) -> str:
    content: dict[str, Any] = {"primary_metric": metric, "baseline": baseline, "differences": rows}
    content["seeds"] = seeds
    content |= {"decomposition": parts or [], "vary": "all"}
    content["test_prior"] = test_prior or {"a": 0.9, "b": 0.05, "c": 0.05}
    return "\n".join(verdict(content, **({"needed": {}, "scarce": {}} | more)))


def test_a_real_gain_is_named_with_interval_and_p() -> None:
    text = said([difference("smote", 0.04, 0.02, 0.004), difference("focal", -0.05, 0.02, 0.0004)])
    assert "Better than cross-entropy in minority AP: smote .040 (.020 to .060), p .004." in text
    assert "Worse than cross-entropy: focal -.050 (-.070 to -.030), p < .001." in text
    assert "other data drawn alike and other trainings" in text


def test_it_can_say_that_none_is_better() -> None:
    text = said([difference("focal", -0.05, 0.02, 0.001), difference("logit-adjustment", 0, 0, 1.0)])
    assert "None of these beats cross-entropy in minority AP on these data." in text
    assert "Equal to cross-entropy on every seed: logit-adjustment." in text
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
    text = said(rows, needed={("smote", "cross-entropy"): Needed(11, 0.0, 0.0)})
    assert "no strategy is shown to beat cross-entropy" in text
    assert "Not told apart from cross-entropy" in text
    assert "smote .030 (-.020 to .080)" in text
    assert "To tell a difference of .030, as found for smote, takes about 11 seeds" in text
    assert "more than these 5 seeds" in said(rows, needed={("smote", "cross-entropy"): Needed(4, 0.0, 0.0)})
    assert "more than 10,000 seeds" in said(rows, needed={("smote", "cross-entropy"): Needed(None, 0.0, 0.0)})
    limited = said(rows, needed={("smote", "cross-entropy"): Needed(None, 0.06, 4.0)})
    assert "no number of seeds tells less than .060" in limited


def test_smaller_is_better_for_losses() -> None:
    row = difference("smote", -0.04, 0.02, 0.004, metric="log_loss")
    assert "Better than cross-entropy in log-loss: smote -.040" in said([row], metric="log_loss")


def test_one_seed_and_few_rows() -> None:
    one = [difference("smote", 0.04, 0.02, None, n=1)]
    assert "One seed can't tell" in said(one, seeds=[0])
    assert "Too few seeds are common to the strategies and cross-entropy." in said(one, seeds=[0, 1])
    scarce = {f"c{i}": (i, 100) for i in range(6)}
    text = said([difference("smote", 0.04, 0.02, 0.004)], scarce=scarce)
    assert (
        "No verdict on classes that have fewer than 20 validation or test images in some seed: "
        "c0 (0 validation, 100 test), c1"
    ) in text
    alone = said([difference("smote", 0.04, 0.02, 0.004)], scarce={"c": (1,)})
    assert "fewer than 20 test images in some seed: c (1 test)." in alone
    assert "and 2 more" in text


def test_the_moved_threshold_is_told_from_the_model() -> None:
    rows = [difference("smote", 0.001, 0.002, 0.9)]
    nothing = said(rows, [part("smote", 0.1, 0.09, 0.01, 0.02)])
    assert (
        "Better in macro F1 (exploring) than plain cross-entropy as they decide by themselves, each with its "
        "own 95 % interval: smote .100 (.080 to .120). Moving the threshold of cross-entropy alone changes "
        "it by .090 (.070 to .110)."
    ) in nothing
    assert "Not shown to be more than a moved threshold" in nothing
    assert "smote .010 (-.010 to .030)" in nothing
    real = said(rows, [part("smote", 0.1, 0.03, 0.07, 0.02), part("focal", 0.09, 0.03, 0.01, 0.02)])
    assert (
        "More than a moved threshold, by what the model gives where both are tuned: "
        "smote .070 (.050 to .090)."
    ) in real
    assert "where both are tuned: focal .010 (-.010 to .030)." in real
    lost = said(rows, [part("smote", 0.01, 0.03, -0.02, 0.02)])
    assert "none is shown to be better in macro F1 (exploring) than plain cross-entropy. Moving" in lost
    assert "the threshold of cross-entropy alone changes it by .030 (.010 to .050)." in lost


def test_in_the_primary_metric_a_model_needs_the_corrected_test() -> None:
    parts = [part("smote", 0.1, 0.03, 0.07, 0.02)]
    tuned: dict[str, Any] = {"metric": "macro_f1", "baseline": "cross-entropy+threshold"}
    for p, start in ((0.01, "More than a moved threshold"), (0.09, "Not shown to be more than")):
        text = said([difference("smote+threshold", 0.07, 0.02, p, **tuned)], parts, metric="macro_f1")
        assert f"{start}" in text
        assert "exploring" not in text
        assert ("More than a moved" in text) is (p < 0.05)


def test_a_model_that_only_tuning_shows_is_told() -> None:
    """No gain at argmax, and yet more than a moved threshold: where a metric explores, after Holm as well."""
    row = part("oversample", 0.04, 0.01, 0.09, 0.05)
    text = said([difference("smote", 0, 0.1, 1.0)], [row])
    assert "none is shown to be better in macro F1" in text
    assert "More than a moved threshold" in text
    assert "oversample .090 (.040 to .140)" in text
    assert "More than" not in said([difference("smote", 0, 0.1, 1.0)], [row | {"model_effect_p": 0.2}])


def test_smaller_costs_are_better() -> None:
    row = part("oversample", -0.4, -0.3, -0.1, 0.05) | {"metric": "expected_cost"}
    text = said([difference("smote", 0, 0.1, 1.0)], [row])
    assert "Better in expected cost (exploring) than plain cross-entropy" in text
    assert "oversample -.400 (-.450 to -.350)" in text
    assert "where both are tuned: oversample -.100 (-.150 to -.050)." in text
    dearer = part("oversample", 0.4, -0.3, 0.1, 0.05) | {"metric": "expected_cost"}
    assert "none is shown to be better in expected cost" in said([difference("smote", 0, 0.1, 1.0)], [dearer])


def test_a_difference_without_spread_is_not_judged() -> None:
    text = said([difference("b", 0.167, 0.0, None)])
    assert "no strategy is shown to beat cross-entropy" in text
    assert "With no spread over the seeds to judge it by, the difference from cross-entropy: b .167." in text


def test_one_common_seed_is_no_ground_for_a_claim() -> None:
    rows = [difference("smote", 0.001, 0.002, 0.9), difference("much", 0.09, 0.0, None, n=1)]
    alone = part("much", 0.16, 0.15, 0.06, 0.02) | {"n": 1}
    text = said(rows, [alone, part("smote", 0.1, 0.09, 0.01, 0.02)])
    assert "Too few seeds in common with cross-entropy to be judged: much." in text
    assert "With no spread" not in text
    assert "much .160" not in text
    assert "smote .100 (.080 to .120). Moving the threshold of cross-entropy alone changes it by .090" in text


def test_an_interval_without_width_is_no_ground_either() -> None:
    row = part("b", 0.095, 0.09, 0.05, 0.0)
    assert "none is shown to be better" in said([difference("smote", 0, 0.1, 1.0)], [row])


def test_the_easiest_to_tell_is_the_one_whose_seeds_are_named() -> None:
    rows = [difference("b", 0.05, 0.06, 0.2), difference("a", 0.02, 0.03, 0.3)]
    base = "cross-entropy"
    text = said(rows, needed={("b", base): Needed(None, 0.147, 4.0), ("a", base): Needed(30, 0.001, 0.1)})
    assert "as found for a, takes about 30 seeds" in text
    beyond = said(rows[:1], needed={("b", base): Needed(None, 0.147, 4.0)})
    assert "as found for b, is beyond this test part: of b no number of seeds tells less than .147." in beyond


def test_what_hangs_on_few_rows_depends_on_the_metric() -> None:
    two = {"a": 0.98, "c": 0.02}
    scores = [difference("smote", 0.04, 0.02, 0.004)]
    # Average precision needs no validation rows; a tuned threshold does.
    text = said(scores, [part("smote", 0.1, 0.03, 0.07, 0.02)], scarce={"c": (15, 120)}, test_prior=two)
    assert "Better than cross-entropy in minority AP" in text
    assert "Macro F1 of tuned decisions hangs on so few images" in text
    assert "Better in macro F1" not in text
    worst = [difference("smote", 0.04, 0.02, 0.004, metric="worst_class_recall")]
    assert "Worst recall hangs on" in said(worst, metric="worst_class_recall", scarce={"b": (8, 10)})


def test_a_rival_that_tuning_spoils_is_told_first() -> None:
    tuned: dict[str, Any] = {"metric": "macro_f1", "baseline": "cross-entropy+threshold"}
    rows = [difference("f+threshold", 0.064, 0.02, 0.01, **tuned)]
    text = said(rows, [part("f", 0.0, -0.385, 0.064, 0.02)], metric="macro_f1")
    assert text.startswith(
        "Tuned on these validation images the baseline decides worse, by -.385 (-.405 to -.365)"
    )


def test_names_are_short_and_large_costs_whole() -> None:
    name = "slight+threshold:target_recall=0.9"
    assert "slight+threshold .040 (.020 to .060), p .004." in said([difference(name, 0.04, 0.02, 0.004)])
    row = part("moved", -79800.4, -1.0, -3.0, 2.0) | {"metric": "expected_cost"}
    assert "moved -79,800 (-79,802 to -79,798)" in said([difference("smote", 0, 0.1, 1.0)], [row])


def test_the_baseline_is_called_by_its_name() -> None:
    rows = [difference("b", 0.01, 0.02, 0.5, baseline="plain")]
    text = said(rows, [part("b", 0.1, 0.09, 0.01, 0.02)], baseline="plain")
    assert "Better in macro F1 (exploring) than plain as they decide" in text
    assert "plain plain" not in text


def test_a_tuning_that_costs_is_told() -> None:
    row = part("logit-adjustment", 0.1, 0.09, 0.0, 0.02)
    assert "makes decisions worse" not in said([difference("smote", 0, 0.1, 1.0)], [row])
    row |= {
        "own_threshold_effect": -0.01,
        "own_threshold_effect_low": -0.02,
        "own_threshold_effect_high": -0.001,
    }
    assert (
        "Tuning on these validation images makes decisions worse: logit-adjustment -.010 (-.020 to -.001)."
        in said([difference("smote", 0, 0.1, 1.0)], [row])
    )


def test_a_metric_that_hangs_on_few_rows_gets_no_verdict() -> None:
    rows = [difference("smote", 0.04, 0.02, 0.004)]
    of_three = said(rows, scarce={"c": (12, 15)}, minority="c")
    assert of_three.splitlines() == [
        "No verdict on classes that have fewer than 20 validation or test images in some seed: c (12 "
        "validation, 15 test).",
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
