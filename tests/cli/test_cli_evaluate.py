"""`imbench evaluate`: files of predictions made elsewhere."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import StoredComparison
from helpers import HEAVY, SYNTHETIC, Call, modules_after

from imbalance_bench.api import compare
from imbalance_bench.experiments.store import StoredRun, find_runs

NOT_KNOWN_ELSEWHERE = {"optimizer_steps", "samples_seen", "passes", "train_seconds", "correction"}
"""What a run costs; and whether its prior is known, on which the corrected probabilities rest."""


def export(run: StoredRun, folder: Path) -> Path:
    """The run's predictions as someone else would have written them."""
    arrays = {
        name: run.predictions[name] for name in ("test_labels", "test_logits", "val_labels", "val_logits")
    }
    path = folder / f"{run.config.strategy}-seed-{run.config.seed}.npz"
    np.savez(path, class_names=run.record["class_names"], train_counts=run.record["class_counts"], **arrays)
    return path


def known(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The rows without what only training tells; the fits on validation start from it."""
    return [
        {
            name: value
            for name, value in row.items()
            if name not in NOT_KNOWN_ELSEWHERE and "_corrected" not in name and "_fitted" not in name
        }
        for row in rows
    ]


def table(path: Path, rows: list[dict[str, Any]]) -> str:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path.name


def scores(n: int = 60, seed: int = 0) -> list[dict[str, Any]]:
    rng = np.random.default_rng(seed)
    ill = np.arange(n) % 4 == 0
    odds = rng.normal(size=n) + 2.0 * ill - 1
    return [{"label": "ill" if i else "well", "score": float(z)} for i, z in zip(ill, odds, strict=True)]


def test_exported_predictions_give_the_numbers_of_compare(
    call: Call, stored: StoredComparison, tmp_path: Path
) -> None:
    runs, _ = find_runs(stored.folder)
    wanted = dict(stored.result)
    order = [row["strategy"] for row in wanted["rows"]]
    runs.sort(key=lambda run: (order.index(run.config.strategy), run.config.seed))
    files = [str(export(run, tmp_path)) for run in runs]
    ended = call("evaluate", *files, "--design=resplit", "--name=digits", "--format=json")
    assert ended.status == 0
    result = ended.json
    assert set(result) == set(wanted)
    assert known(result["rows"]) == known(wanted["rows"])
    for name in ("per_class", "differences", "decomposition", "test_prior", "intervals", "seeds", "dataset"):
        assert result[name] == wanted[name]
    plain = next(row for row in wanted["rows"] if row["strategy"] == "focal")
    again = next(row for row in result["rows"] if row["strategy"] == "focal")
    assert again["ece_fitted"] == pytest.approx(plain["ece_fitted"])
    assert not list(tmp_path.glob("scores-*"))


def test_one_test_part_for_all_seeds_is_crossed(call: Call, tmp_path: Path) -> None:
    results = tmp_path / "results"
    wanted = compare("focal", dataset=SYNTHETIC.partition("=")[2], steps=3, batch_size=32, workers=0,
                     device="cpu", seeds=2, vary="init", results=results)  # fmt: skip
    runs = sorted(find_runs(results)[0], key=lambda run: (run.config.strategy, run.config.seed))
    result = call("evaluate", *(str(export(run, tmp_path)) for run in runs), "--format=json").json
    rows = [row for row in wanted["rows"] if row["strategy"] != "bayes-optimal"]
    kl = [name for name in rows[0] if name.startswith("posterior_kl")]
    for row in [*rows, *result["rows"]]:
        row |= dict.fromkeys(kl)
    assert known(result["rows"]) == known(rows)
    assert result["differences"] == wanted["differences"]
    assert result["intervals"] == wanted["intervals"]


def test_a_score_column_needs_the_positive_class(call: Call, tmp_path: Path) -> None:
    rows = scores()
    name = table(tmp_path / "mine.csv", rows)
    ended = call("evaluate", name)
    assert ended.status == 2
    assert "--positive-class ill or --positive-class well" in ended.err
    ended = call("evaluate", name, "--positive-class=ill", "--format=json")
    assert ended.status == 0
    assert "read as log odds" in ended.err
    assert [row["class"] for row in ended.json["per_class"][:2]] == ["ill", "well"]
    assert ended.json["rows"][0]["macro_auc"] > 0.8
    likely = [{**row, "score": 1 / (1 + np.exp(-row["score"]))} for row in rows]
    again = call("evaluate", table(tmp_path / "mine.csv", likely), "--positive-class=ill", "--format=json")
    assert "read as probabilities" in again.err
    assert again.json["rows"][0]["log_loss"] == pytest.approx(ended.json["rows"][0]["log_loss"])
    wrong = call("evaluate", name, "--positive-class=well", "--format=json").json
    assert wrong["rows"][0]["macro_auc"] < 0.2
    numbers = [{**row, "label": int(row["label"] == "ill")} for row in rows]
    by_number = call("evaluate", table(tmp_path / "n.csv", numbers), "--format=json").json
    assert by_number["rows"][0]["macro_auc"] == ended.json["rows"][0]["macro_auc"]


def test_one_csv_holds_arms_seeds_splits_and_groups(call: Call, tmp_path: Path) -> None:
    rows = [
        {"patient": i // 2, **row, "split": split, "strategy": strategy, "seed": seed, "Note": ""}
        for strategy in ("a", "b")
        for seed in (3, 7)
        for split in ("val", "test")
        for i, row in enumerate(scores(seed=seed + ord(strategy) + len(split)))
    ]
    arguments = (
        "evaluate",
        table(tmp_path / "all.csv", rows),
        "--positive-class=ill",
        "--train-counts=20,80",
    )
    ended = call(*arguments, "--group-column=patient", "--format=json")
    assert ended.status == 0
    result = ended.json
    assert result["seeds"] == [3, 7]
    names = ["a", "b", "a+threshold", "b+threshold", "majority-class"]
    assert [row["strategy"] for row in result["rows"]] == names
    assert "whole groups" in result["intervals"]
    assert "columns that are not read: Note." in ended.err
    assert "patient" not in ended.err
    assert result["per_class"][0]["train_rows_min"] == 20
    alone = call(*arguments, "--format=json")
    assert "columns that are not read: patient, Note." in alone.err
    assert alone.json["rows"][0]["macro_ap"] == result["rows"][0]["macro_ap"]
    assert alone.json["rows"][0]["macro_ap_low"] != result["rows"][0]["macro_ap_low"]
    quiet = call(*arguments, "--quiet", "--format=json")
    assert (quiet.err, quiet.json) == ("", alone.json)
    for kind in ("terminal", "markdown", "csv"):
        shown = call(*arguments, f"--format={kind}")
        assert shown.status == 0
        assert "b+threshold" in shown.out
        assert "passes" not in shown.out
    assert call(*arguments, "--output=out.md", "--format=markdown").out == ""
    assert "### Verdict" in (tmp_path / "out.md").read_text(encoding="utf-8")


def test_columns_for_each_class_by_name_or_number(call: Call, tmp_path: Path) -> None:
    classes = ("cat", "dog", "owl")
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 30)
    logits = rng.normal(size=(30, 3)) + 2 * np.eye(3)[labels]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    by_name = [
        {"label": classes[y], **{f"p_{c}": float(v) for c, v in zip(classes, row, strict=True)}}
        for y, row in zip(labels, p, strict=True)
    ]
    by_number = [
        {**{f"logit_{c}": float(v) for c, v in zip(classes, row, strict=True)}, "label": y}
        for y, row in zip(labels, logits, strict=True)
    ]
    one = call("evaluate", table(tmp_path / "a.csv", by_name), "--format=json").json
    two = call("evaluate", table(tmp_path / "a.csv", by_number), "--format=json").json
    assert [row["class"] for row in one["per_class"][:3]] == list(classes)
    assert two["rows"][0]["brier"] == pytest.approx(one["rows"][0]["brier"])
    assert two["rows"][0]["macro_f1"] == one["rows"][0]["macro_f1"]


def test_evaluate_never_imports_torch(tmp_path: Path) -> None:
    table(tmp_path / "mine.csv", scores())
    imported = modules_after(["evaluate", "mine.csv", "--positive-class=ill"], tmp_path, HEAVY)
    assert not imported & {"torch", "torchvision", "imblearn"}


FINE = "label,p_a,p_b\na,.9,.1\nb,.2,.8\na,.6,.4\nb,.4,.6\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("label,p_a,p_b\n", "holds no rows"),
        ("label;p_a;p_b\na;1;0\n", "separated by commas"),
        ("lable,p_a,p_b\na,1,0\n", "no column 'label'; found: lable, p_a, p_b. Did you mean 'lable'"),
        ("label,scores\na,1\n", "there are no scores; found: label, scores"),
        ("label,p_a\na,1\n", "found p_a alone"),
        ("label,p_a,p_b,score\na,1,0,1\n", "found both p_a and score"),
        ("label,p_a,p_a\na,1,0\n", "'p_a' stands there twice"),
        ("label,p_a,p_b\na,1\n", "line 2: found 2 values; the head names 3"),
        ("label,p_a,p_b\na,1,0\nb,x,1\n", "line 3: found 'x' as p_a"),
        (
            "label,p_a,p_b\na,1,0\n\nb,.5,.4\n",
            "line 4: found [0.5, 0.4]; the probabilities of a row sum to 1",
        ),
        ("label,p_a,p_b\na,nan,0\n", "line 2: found [nan, 0.0]; finite"),
        ("label,p_a,p_b\nc,1,0\n", "line 2: found the label 'c'; allowed: a, b, or their numbers 0 to 1"),
        ("label,p_1,p_2\n0,1,0\n", "found the label '0'; allowed: 1, 2."),
        ("label,p_a,p_b,split\na,1,0,train\n", "line 2: found the split 'train'; allowed: val and test"),
        ("label,p_a,p_b,split\na,1,0,val\n", "has no rows of the split test"),
        ("label,p_a,p_b,seed\na,1,0,1.5\n", "line 2: found the seed '1.5'"),
        ("label,p_a,p_b,strategy\na,1,0,\n", "line 2: found the strategy ''"),
        ("label,p_a,p_b,group\na,1,0,x\nb,1,0,\n", "line 3: found no group"),
        ("label,score\na,1\nb,0\nc,0\n", "found labels of 3 classes (a, b, c)"),
        ('label,p_a,p_b\n"a,1,0\n', "this is not csv"),
    ],
)
def test_csv_files_are_refused(call: Call, tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "mine.csv").write_text(text, encoding="utf-8")
    ended = call("evaluate", "mine.csv")
    assert ended.status == 2, ended
    assert "mine.csv" in ended.err
    assert said in ended.err


def test_files_are_refused(call: Call, tmp_path: Path) -> None:
    (tmp_path / "fine.csv").write_text(FINE, encoding="utf-8")
    (tmp_path / "latin.csv").write_bytes(FINE.replace("a", "ä").encode("latin-1"))
    (tmp_path / "text.npz").write_text("nothing", encoding="utf-8")
    (tmp_path / "empty.npz").touch()
    (tmp_path / "folder.npz").mkdir()
    np.savez(tmp_path / "objects.npz", test_labels=np.array([{}], dtype=object))
    np.savez(tmp_path / "seeds.npz", seed=[1, 2])
    np.savez(tmp_path / "whole.npz", test_labels=np.zeros(99), test_logits=np.zeros((99, 2)))
    whole = (tmp_path / "whole.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    np.save(tmp_path / "one.npy", np.zeros(3))
    (tmp_path / "one.npy").rename(tmp_path / "one.npz")
    for arguments, said in (
        (("missing.npz",), "there is no file missing.npz"),
        (("fine.txt",), "allowed: .npz and .csv"),
        (("folder.npz",), "is a folder"),
        (("empty.npz",), "is empty"),
        (("text.npz",), "is no npz file"),
        (("cut.npz",), "not a whole npz file"),
        (("one.npz",), "a single array"),
        (("objects.npz",), "holds Python objects"),
        (("seeds.npz",), "seed holds 2 values"),
        (("latin.csv",), "not text in UTF-8"),
        (("fine.csv", "fine.csv"), "fine, seed 0, stands in fine.csv already"),
        (("fine.csv", "--group-column=patient"), "--group-column patient: there is no such column"),
        (("fine.csv", "--baseline=fin"), "Did you mean 'fine'"),
        (("fine.csv", "--train-counts=1,x"), "--train-counts: found '1,x'"),
        (("fine.csv", "--format=pdf"), "--format"),
        (("fine.csv", "--test-prior=even"), "--test-prior"),
        (("fine.csv", "--primary-metric=macro_f2"), "Did you mean 'macro_f1'"),
        (("fine.csv", "--output=fine.csv"), "would overwrite the predictions"),
    ):
        ended = call("evaluate", *arguments)
        assert ended.status == 2, arguments
        assert said in ended.err
    assert call("evaluate", "fine.csv").status == 0


def test_predictions_are_never_overwritten(call: Call, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    path = tmp_path / "folder" / "p.csv"
    table(path, scores())
    (tmp_path / "link.csv").symlink_to(path)
    before = path.read_bytes()
    for file, output in (
        ("folder/p.csv", "folder/../folder/p.csv"),
        ("link.csv", "folder/p.csv"),
        ("folder/p.csv", "link.csv"),
    ):
        ended = call("evaluate", file, "--positive-class=ill", f"--output={output}")
        assert ended.status == 2
        assert "would overwrite the predictions" in ended.err
        assert path.read_bytes() == before


def test_archives_that_lie_are_refused(call: Call, tmp_path: Path) -> None:
    labels, logits = np.arange(40) % 2, np.random.default_rng(0).normal(size=(40, 2))
    np.savez(tmp_path / "a.npz", test_labels=labels, test_logits=logits)
    whole = (tmp_path / "a.npz").read_bytes()
    header = whole.index(b"(40, 2)")
    for name, found, put in (
        ("huge", b"(40, 2)", b"(9**9,)"),  # no literal
        ("shape", b"(40, 2)", b"(9e9,2)"),
        ("open", b"(40, 2)", b"((((((("),
    ):
        assert len(found) == len(put)
        (tmp_path / f"{name}.npz").write_bytes(whole[:header] + put + whole[header + len(found) :])
        ended = call("evaluate", f"{name}.npz")
        assert ended.status == 2, name
        assert f"{name}.npz" in ended.err
    locked = bytearray(whole)
    at = whole.index(b"PK\x01\x02")
    locked[at + 8] |= 1  # the flag of an encrypted member
    (tmp_path / "locked.npz").write_bytes(locked)
    assert call("evaluate", "locked.npz").status == 2
    # What is not read is not loaded: an array of objects beside the others does no harm.
    np.savez(
        tmp_path / "more.npz", test_labels=labels, test_logits=logits, notes=np.array([{}], dtype=object)
    )
    ended = call("evaluate", "more.npz")
    assert ended.status == 0
    assert "not read: notes" in ended.err
