"""`imbench article`: formats, settings and refusals."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from helpers import HEAVY, Call, imbench, modules_after

from imbalance_bench.config import Settings, merge
from imbalance_bench.configfile import load_config, refuse_unknown
from imbalance_bench.specs import split_list
from imbalance_bench.strategies import create

CONFIG = Path(__file__).parents[2] / "configs" / "article.yaml"
FIRST = {0.25: 0.0066943065, 0.75: 0.0022314355}
LAST = {0.25: 0.0002634013, 0.75: 0.0007902039}
"""Right focal losses of images 1 and 5 by alpha, gamma 2."""


def test_default_is_alpha_25_and_gamma_2(call: Call) -> None:
    found = call("article", "--format=json").json
    assert set(found) == {"alpha", "gamma", "weights", "rows", "slips"}
    assert (found["alpha"], found["gamma"]) == (0.25, 2.0)
    assert found == call("article", "--alpha=0.25", "--gamma=2", "--format=json").json
    assert len(found["rows"]) == 5
    assert all({"name", "text"} < set(slip) for slip in found["slips"])


@pytest.mark.parametrize("alpha", [0.25, 0.75])
def test_alpha_is_the_weight_of_the_diseased_class(call: Call, alpha: float) -> None:
    found = call("article", f"--alpha={alpha}", "--format=json").json
    assert found["weights"] == {"healthy": 1 - alpha, "diseased": alpha}
    assert found["rows"][0]["focal"] == pytest.approx(FIRST[alpha], abs=1e-10)
    assert found["rows"][4]["focal"] == pytest.approx(LAST[alpha], abs=1e-10)


def test_no_alpha_and_gamma_0_is_cross_entropy(call: Call) -> None:
    found = call("article", "--alpha=none", "--gamma=0", "--format=json").json
    assert found["alpha"] is None
    for row in found["rows"]:
        assert row["focal"] == pytest.approx(row["cross_entropy"], rel=0, abs=1e-12)


def test_weights_in_class_order_and_balanced(call: Call) -> None:
    listed = call("article", "--alpha=0.2/0.8", "--format=json").json
    assert (listed["alpha"], listed["weights"]) == ([0.2, 0.8], {"healthy": 0.2, "diseased": 0.8})
    single = call("article", "--alpha=0.8", "--format=json").json
    assert [row["focal"] for row in listed["rows"]] == pytest.approx([row["focal"] for row in single["rows"]])
    balanced = call("article", "--alpha=balanced", "--format=json").json
    # N / (C n_c) for 4 and 1 images.
    assert balanced["weights"] == pytest.approx({"healthy": 0.625, "diseased": 2.5})


def test_csv_holds_the_rows(call: Call) -> None:
    rows: list[dict[str, Any]] = call("article", "--format=json").json["rows"]
    read = list(csv.DictReader(io.StringIO(call("article", "--format=csv").out)))
    assert read == [{key: str(value) for key, value in row.items()} for row in rows]


@pytest.mark.parametrize("width", [80, 120])
def test_terminal_fits_the_page(call: Call, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    ended = call("article")
    assert (ended.status, ended.err) == (0, "")
    assert max(map(len, ended.out.splitlines())) <= width
    assert "*.5150763   .5108256   *.0687455   .0612991" in ended.out
    assert "alpha 0.25: w is 0.75 for healthy and 0.25 for diseased" in ended.out
    assert "\x1b" not in ended.out


def test_piped_to_a_reader_of_ascii(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    done = imbench("article", cwd=tmp_path)
    assert "?" not in done.stdout
    assert done.stderr == ""


def test_output_goes_to_the_file(call: Call, tmp_path: Path) -> None:
    ended = call("article", "--format=markdown", "--output=article.md")
    assert (ended.status, ended.out) == (0, "")
    assert (tmp_path / "article.md").read_text(encoding="utf-8") == call("article", "--format=markdown").out


@pytest.mark.parametrize(
    ("argument", "said"),
    [
        ("--alpha=1.5", "alpha=1.5 is above 1"),
        ("--alpha=-0.1", "alpha is '-0.1'; allowed: a number at least 0"),
        ("--alpha=nan", "alpha is 'nan'"),
        ("--alpha=inf", "alpha is 'inf'"),
        ("--alpha=much", "alpha is 'much'"),
        ("--alpha=", "alpha is ''"),
        ("--alpha=0.1/0.2/0.3", "the data have 2 classes (healthy, diseased)"),
        ("--alpha=0/0", "the largest weight in alpha is 0"),
        ("--gamma=-1", "gamma is '-1'; allowed: a number at least 0"),
        ("--gamma=nan", "gamma is 'nan'"),
        ("--gamma=inf", "gamma is 'inf'"),
        ("--gamma=two", "gamma is 'two'"),
        ("--gamma=none", "gamma is 'none'"),
        ("--gamma=1e9", "gamma is '1e9'; allowed: a number at least 0 and at most 50"),
        ("--gamma=1e999", "gamma is '1e999'"),
        ("--format=pdf", "--format"),
        ("--output=nowhere/x", "nowhere"),
        ("--output=.", "folder"),
    ],
)
def test_refusals(call: Call, argument: str, said: str) -> None:
    ended = call("article", argument)
    assert (ended.status, ended.out) == (2, "")
    assert ended.err.startswith("imbench: ")
    assert said in ended.err
    assert len(ended.err.splitlines()) == 1


@pytest.mark.parametrize("arguments", [(), ("--format=json",), ("--help",)], ids=str)
def test_imports_nothing_heavy(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    assert modules_after(("article", *arguments), tmp_path, HEAVY) == set()
    assert list(tmp_path.iterdir()) == []


def test_config_of_the_comparison() -> None:
    loaded = load_config(CONFIG, Settings.model_fields)
    refuse_unknown(loaded, Settings.model_fields)
    found = merge(loaded, {})
    assert (found.dataset, found.seed_list(1)) == ("synthetic", (0, 1, 2, 3, 4))
    assert found.strategies is not None
    names = [create(spec).spec for spec in split_list(found.strategies)]
    assert names == [
        "cross-entropy", "undersample", "oversample", "smote", "focal:alpha=0.25", "focal:alpha=0.75",
    ]  # fmt: skip
    assert "imbench compare --config configs/article.yaml" in CONFIG.read_text(encoding="utf-8")
