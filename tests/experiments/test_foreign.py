"""Predictions made elsewhere as runs: what arrays and files may hold, and what intervals make of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from imbalance_bench import evaluate
from imbalance_bench.errors import RequestError
from imbalance_bench.experiments.foreign.raw import of_name
from imbalance_bench.experiments.parts import _draws

Arrays = dict[str, Any]


def arrays(seed: int = 0, gain: float = 2.0, n: int = 80, validation: bool = True, **more: Any) -> Arrays:
    """Two classes, every fourth row of class 1; logits that know something of them."""
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) % 4 == 0).astype(np.int64)

    def logits() -> Any:
        score = rng.normal(size=n) + gain * labels - 1.5
        return np.stack([np.zeros(n), score], axis=1)

    found = {"test_labels": labels, "test_logits": logits()}
    if validation:
        found |= {"val_labels": labels, "val_logits": logits()}
    return {**found, **more}


def row(result: Any, strategy: str) -> dict[str, Any]:
    return next(row for row in result["rows"] if row["strategy"] == strategy)


def test_a_mapping_gives_the_object_of_compare_and_strict_json() -> None:
    given = {
        (name, seed): arrays(seed, gain)
        for name, gain in (("cross-entropy", 2), ("focal", 3))
        for seed in (0, 1)
    }
    result = evaluate(given)
    names = ["cross-entropy", "focal", "cross-entropy+threshold", "focal+threshold", "majority-class"]
    assert [each["strategy"] for each in result["rows"]] == names
    assert result["dataset"] == "predictions"
    assert result["baseline"] == "cross-entropy"
    assert result["seeds"] == [0, 1]
    assert {d["baseline"] for d in result["differences"]} == {"cross-entropy", "cross-entropy+threshold"}
    assert result["decomposition"]
    assert result["verdict"]
    for each in result["rows"]:
        assert [each[name] for name in ("optimizer_steps", "samples_seen", "passes", "train_seconds")] == [
            None
        ] * 4
    assert all(each["train_rows_min"] is None for each in result["per_class"])
    json.dumps(result, allow_nan=False)


def test_nothing_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    np.savez(tmp_path / "focal-seed-3.npz", **arrays())
    assert evaluate("focal-seed-3.npz")["seeds"] == [3]
    assert [path.name for path in tmp_path.iterdir()] == ["focal-seed-3.npz"]


def test_probabilities_scores_and_logits_are_one() -> None:
    plain = arrays(class_names=["well", "ill"])
    odds = plain["test_logits"][:, 1]
    p = 1 / (1 + np.exp(-odds))
    without = {"test_labels": plain["test_labels"], "class_names": plain["class_names"]}
    wanted = evaluate({("a", 0): {**without, "test_logits": plain["test_logits"]}})
    for scores in (
        {"test_probabilities": np.stack([1 - p, p], axis=1)},
        {"test_probabilities": p},
        {"test_logits": odds},
        {"test_score": odds},
        {"test_score": p},
        {"test_logits": -odds, "test_labels": 1 - plain["test_labels"], "class_names": ["ill", "well"]},
    ):
        found = evaluate({("a", 0): {**without, **scores}}, positive_class=None)
        for name, value in row(wanted, "a").items():
            assert row(found, "a")[name] == pytest.approx(value, abs=1e-9), (scores.keys(), name)
    turned = evaluate({("a", 0): {**without, "test_logits": -odds}}, positive_class="well")
    assert row(turned, "a")["log_loss"] == pytest.approx(row(wanted, "a")["log_loss"])


def test_probabilities_of_0_are_clipped_and_told_of() -> None:
    p = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.25, 0.75]])
    result = evaluate({("a", 0): {"test_labels": [0, 1, 1, 0], "test_probabilities": p}})
    assert any("3 probabilities of 0 count as 5e-324" in line for line in result.notices)
    assert row(result, "a")["log_loss"] == pytest.approx((744.44007 + np.log(4)) / 4)


def test_classes_in_another_order_are_the_same_classes() -> None:
    one = arrays(class_names=["well", "ill"], train_counts=[90, 10])
    turned = {
        name: 1 - array if name.endswith("labels") else array[..., ::-1]
        for name, array in one.items()
        if name.startswith(("test", "val"))
    }
    turned |= {"class_names": ["ill", "well"], "train_counts": [10, 90]}
    result = evaluate({("a", 0): one, ("b", 0): turned})
    a, b = row(result, "a"), row(result, "b")
    assert {name: a[name] for name in a if name != "strategy"} == {
        name: b[name] for name in b if name != "strategy"
    }
    rows = [each for each in result["per_class"] if each["strategy"] == "b"]
    assert [(each["class"], each["train_rows_min"]) for each in rows] == [("well", 90), ("ill", 10)]


def test_without_validation_nothing_is_fitted() -> None:
    given = {("a", 0): arrays(0), ("b", 0): arrays(1, validation=False)}
    result = evaluate(given, primary_metric="macro_f1")
    assert [each["strategy"] for each in result["rows"]] == ["a", "b", "majority-class"]
    assert row(result, "a")["correction"] is None
    assert row(result, "a")["log_loss_fitted"] is None
    assert row(result, "a")["calibration_slope"] is not None
    assert result["decomposition"] == []
    assert any("b', 0" in line and "none are used" in line for line in result.notices)
    assert result["verdict"][-1].startswith("Without validation rows")
    test_only = {key: {n: v for n, v in each.items() if n.startswith("test")} for key, each in given.items()}
    bare = evaluate(test_only, primary_metric="macro_f1")
    assert {**bare, "notices": []} == {**result, "notices": []}
    assert evaluate(given)["verdict"][-1].startswith("Without validation rows")


def test_training_counts_come_from_the_request_then_the_files_then_the_labels() -> None:
    own = {("a", 0): arrays(train_counts=[70, 30])}

    def counted(given: Any, **more: Any) -> tuple[Any, list[str]]:
        result = evaluate(given, test_prior="uniform", **more)
        majority = [each for each in result["per_class"] if each["strategy"] == "majority-class"]
        return [each["train_rows_max"] for each in majority], result.notices

    assert counted(own)[0] == [70, 30]
    assert counted(own, train_counts=[20, 80])[0] == [20, 80]
    assert counted(own, train_counts="20,80")[0] == [20, 80]
    found, notices = counted({("a", 0): arrays()})
    assert found == [None, None]
    assert any("validation labels tell" in line for line in notices)
    _, notices = counted({("a", 0): arrays(validation=False)})
    assert any("test labels tell" in line for line in notices)


def test_seeds_meet_test_rows_as_labels_tell_or_as_asked() -> None:
    same = {("a", seed): arrays(seed) for seed in (0, 1, 2)}
    crossed, independent = evaluate(same), evaluate(same, design="independent")
    assert "share the test part" in crossed["intervals"]
    assert any(line.startswith("design: crossed, since") for line in crossed.notices)
    assert "draws its own" in independent["intervals"]
    other = {("a", seed): arrays(seed, n=80 + 4 * seed) for seed in (0, 1, 2)}
    # Whether each seed has images of its own or splits one pool can't be told: the cautious reading.
    cautious = evaluate(other)
    assert "Nadeau" in cautious["intervals"]
    assert any(line.startswith("design: resplit, since") for line in cautious.notices)
    assert any("depend on the number of training rows" in line for line in cautious.notices)
    told = evaluate(other, train_counts=[240, 80])
    assert not any("depend on the number of training rows" in line for line in told.notices)
    assert "draws its own" in evaluate(other, design="independent")["intervals"]
    resplit = evaluate(same, design="resplit", train_counts=[240, 80])
    assert "Nadeau" in resplit["intervals"]
    # Crossed intervals allow for other test images, beyond what t over seeds knows: here wider than its own
    # seeds say, and the corrected t is wider than the plain one.
    wide, narrow = (
        row(r, "a")["macro_f1_high"] - row(r, "a")["macro_f1_low"] for r in (resplit, independent)
    )
    assert wide > narrow
    assert row(crossed, "a")["macro_f1_low"] != row(independent, "a")["macro_f1_low"]
    alone = evaluate({("a", 0): arrays()})
    assert not any(line.startswith("design") for line in alone.notices)
    assert "one seed" in alone["intervals"]


@pytest.mark.parametrize("prior", ["dataset", "uniform"])
def test_groups_whose_rows_agree_widen_the_interval(prior: str) -> None:
    base = arrays(n=100, validation=False)
    repeated = {name: np.repeat(array, 6, axis=0) for name, array in base.items()}
    grouped = {**repeated, "test_groups": np.repeat(np.arange(100), 6)}

    def width(given: Arrays, **more: Any) -> float:
        found = row(evaluate({("a", 0): given}, test_prior=prior, **more), "a")
        return float(found["macro_auc_high"] - found["macro_auc_low"])

    alone, together = width(repeated), width(grouped)
    assert together > 1.5 * alone
    assert together == pytest.approx(width(base))
    assert width(grouped, group_column="none") == alone
    named = {**repeated, "patient": grouped["test_groups"]}
    assert width(named, group_column="patient") == together


def test_groups_of_several_classes_keep_what_a_class_weighs() -> None:
    labels = np.arange(24) % 3 % 2
    groups = np.arange(24) // 4
    weights = _draws(24, labels.astype(np.int64).tobytes(), groups.astype(np.int64).tobytes())
    for label in (0, 1):
        np.testing.assert_allclose(weights[:, labels == label].mean(axis=1), 1)
    inside = weights[:, (groups == 0) & (labels == 0)]
    np.testing.assert_allclose(np.ptp(inside, axis=1), 0, atol=1e-12)
    assert weights[:, 0].std() > 0.3


def test_groups_are_told_of_and_few_are_warned_of() -> None:
    grouped = arrays(test_groups=np.arange(80) // 16)
    result = evaluate({("a", 0): grouped})
    assert "whole groups" in result["intervals"]
    assert any("5 groups" in line for line in result.notices)
    seeds = {("a", seed): arrays(seed, test_groups=np.arange(80) // 2) for seed in (0, 1)}
    assert any("groups change nothing" in line for line in evaluate(seeds, design="independent").notices)


def test_the_baseline_is_named_or_the_first_and_stands_in_every_sentence() -> None:
    given = {
        (name, seed): arrays(seed, gain) for name, gain in (("mine", 1), ("theirs", 4)) for seed in range(3)
    }
    result = evaluate(given, primary_metric="macro_f1")
    assert result["baseline"] == "mine"
    assert any("the baseline is mine" in line for line in result.notices)
    assert "mine with a tuned threshold" in " ".join(result["verdict"])
    assert "cross-entropy" not in " ".join(result["verdict"])
    assert evaluate(given, baseline="theirs")["differences"][0]["strategy"] == "mine"
    assert evaluate({("ce", 0): arrays(), ("a", 0): arrays()})["baseline"] == "ce"


def test_one_strategy_alone_has_no_differences() -> None:
    for metric in ("macro_f1", "minority_ap"):
        assert evaluate({("a", 0): arrays()}, primary_metric=metric)["differences"] == []


def test_file_names() -> None:
    assert of_name("focal-seed-12") == ("focal", 12)
    assert of_name("over+focal-seed-seed-0") == ("over+focal-seed", 0)
    assert of_name("anything") == ("anything", 0)


def refused(said: str, *given: Arrays, **more: Any) -> None:
    named = {(name, 0): each for name, each in zip("abc", given, strict=False)}
    with pytest.raises(RequestError) as error:
        evaluate(named, **more)
    assert said in str(error.value)


FINE = arrays()
THREE = {"test_labels": [0, 1, 2, 0], "test_logits": np.zeros((4, 3))}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"test_logits": None}, "one of test_logits, test_probabilities, test_score is needed"),
        ({"test_probabilities": FINE["test_logits"]}, "found test_logits and test_probabilities"),
        ({"test_labels": None, "test_label": [0]}, "test_labels is missing"),
        ({"test_labels": FINE["test_labels"][:5]}, "test_logits has 80 rows, but test_labels 5"),
        ({"test_labels": FINE["test_labels"] + 1}, "test row 0: found the label 2; allowed: 0 to 1"),
        ({"test_labels": FINE["test_labels"] - 1}, "found the label -1"),
        ({"test_labels": FINE["test_labels"] * 0.5}, "type float64"),
        ({"test_labels": FINE["test_labels"][None]}, "shape (1, 80)"),
        ({"test_labels": ["0"] * 80}, "class_names"),
        ({"test_logits": np.zeros((80, 1))}, "shape (80, 1)"),
        ({"test_logits": np.zeros((0, 2))}, "at least one row"),
        ({"test_logits": np.full((80, 2), np.nan)}, "test row 0: found [nan, nan]; finite"),
        ({"test_logits": np.full((80, 2), -np.inf)}, "finite numbers are needed"),
        ({"test_logits": np.full((80, 2), 1e30)}, "at most 1e+12"),
        ({"test_logits": np.full((80, 2), "x")}, "numbers are needed"),
        ({"test_logits": [[1.0, 2.0], [3.0]]}, "can't be made an array"),
        ({"val_logits": None}, "one of val_logits"),
        ({"val_labels": None}, "val_labels is missing"),
        ({"class_names": ["a", "b", "c"]}, "beside scores of 2 classes"),
        ({"class_names": ["a", "a"]}, "a name of its own"),
        ({"train_counts": [1, 2, 3]}, "each of the 2 classes"),
        ({"train_counts": [1, 0]}, "at least 1"),
        ({"train_counts": [1.5, 2]}, "a whole number"),
        ({"test_groups": [1, 2]}, "test_groups has shape (2,)"),
        ({"test_groups": [1] * 80}, "found one group"),
        ({"test_groups": [None] * 80}, "test_groups has type object"),
        ({"test_groups": ["a", " "] * 40}, "test row 1: found no group"),
    ],
)
def test_arrays_are_refused(change: Arrays, said: str) -> None:
    refused(said, {name: value for name, value in {**FINE, **change}.items() if value is not None})


def test_probabilities_are_refused() -> None:
    p = np.full((80, 2), 0.5)
    without = {"test_labels": FINE["test_labels"]}
    refused("sum to 1, to within 0.001", {**without, "test_probabilities": p * 1.1})
    refused("lie in 0..1", {**without, "test_probabilities": np.add(p, [[0.6, -0.6]])})
    refused("finite", {**without, "test_probabilities": p * np.nan})
    evaluate({("a", 0): {**without, "test_probabilities": np.add(p, 4e-4)}})


def test_requests_that_do_not_fit_are_refused() -> None:
    fine = arrays()
    refused("--baseline c: there is no such strategy; found: a, b", fine, fine, baseline="c")
    refused(
        "all strategies of a seed need the same test images",
        fine,
        {**fine, "test_labels": 1 - fine["test_labels"]},
    )
    refused("all need the same", fine, {**fine, "class_names": ["x", "y"]})
    refused("has no train_counts", fine, {**fine, "train_counts": [1, 2]})
    refused("has no groups", fine, {**fine, "test_groups": np.arange(80)})
    refused(
        "--design: found 'cross'; allowed: crossed, independent, resplit. Did you mean", fine, design="cross"
    )
    refused("--test-prior train needs", fine, test_prior="train")
    refused("--test-prior: found 'even'", fine, test_prior="even")
    refused("--train-counts: found [1, 2, 3]", fine, train_counts=[1, 2, 3])
    refused("--train-counts: found 'many'", fine, train_counts="many")
    refused("there is no array 'patient'", fine, group_column="patient")
    refused("there is no metric 'f1'", fine, primary_metric="f1")
    refused("the classes are 0, 1", fine, positive_class="ill")
    refused("only two classes have a positive one", THREE, positive_class="1")
    refused("no label tells how common 2 is", {**THREE, "test_labels": [0, 1, 1, 0]})
    refused("there are no predictions")
    other = {("a", 0): fine, ("a", 1): arrays(n=84)}
    with pytest.raises(RequestError, match="--design crossed: "):
        evaluate(other, design="crossed")
    wide = {**arrays(), "val_logits": np.zeros((len(fine["val_labels"]), 3))}
    refused("val_logits has 3 columns, but there are 2 classes", wide)
    digits = {**fine, "class_names": ["1", "0"]}
    refused("a label could mean either", digits)
    refused("found the class name 'a", {**fine, "class_names": ["a\nb", "c"]})
    for odd in (5, None, [3], b"x.npz"):
        with pytest.raises(RequestError, match="a path, a list of paths, or arrays"):
            evaluate(odd)  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="null character"):
        evaluate("a\0b.npz")
    for key, said in (
        ("a", "found the key 'a'"),
        (("a", -1), "the seed -1"),
        (("", 0), "the strategy ''"),
        (("x+threshold", 0), "name it otherwise"),
        (("majority-class", 0), "name it otherwise"),
    ):
        with pytest.raises(RequestError, match=said):
            evaluate({key: fine})  # type: ignore[dict-item]
