"""z - tau log pi: by hand, on a known posterior, in combinations, and from the store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from helpers import Call, kinds, run_folders
from small_store import OF_SCORES, SETTINGS, again, row_of

from imbalance_bench.api import compare, run
from imbalance_bench.errors import RequestError
from imbalance_bench.experiments.store import find_runs
from imbalance_bench.strategies import Context, FittingData, create
from imbalance_bench.strategies.base import Floats, defines, is_afterwards_only
from imbalance_bench.strategies.registry import trained_part

COUNTS = np.array([80, 15, 5])
CONTEXT = Context(COUNTS, ("a", "b", "c"))


def fitting(logits: Floats) -> FittingData:
    n, c = logits.shape
    return FittingData(logits, np.arange(n) % c, np.ones(n), lambda: np.zeros((c, 3), np.float32))


def adjusted(spec: str, logits: Floats, context: Context = CONTEXT) -> Floats:
    return create(spec).fit_adjust(fitting(np.zeros((6, context.n_classes))), context)(logits)


def test_by_hand() -> None:
    logits = np.array([[1.0, 2.0, 3.0], [0.0, 0.0, 0.0]])
    # log of .8, .15, .05: -.2231436, -1.8971200, -2.9957323
    shift = np.array([0.2231436, 1.8971200, 2.9957323])
    np.testing.assert_allclose(adjusted("logit-adjustment", logits), logits + shift, atol=1e-6)
    np.testing.assert_allclose(adjusted("logit-adjustment:tau=0.5", logits), logits + shift / 2, atol=1e-6)
    np.testing.assert_allclose(adjusted("logit-adjustment:tau=2", logits), logits + 2 * shift, atol=1e-6)
    assert logits.tolist() == [[1, 2, 3], [0, 0, 0]]


def test_tau_0_changes_nothing() -> None:
    logits = np.random.default_rng(0).normal(size=(20, 3))
    assert (adjusted("logit-adjustment:tau=0", logits) == logits).all()


def test_it_takes_the_shares_before_sampling() -> None:
    sampled = Context(COUNTS, ("a", "b", "c"), effective_prior=np.ones(3))
    logits = np.zeros((1, 3))
    assert (adjusted("logit-adjustment", logits, sampled) == adjusted("logit-adjustment", logits)).all()


def test_nothing_is_fitted_on_validation() -> None:
    logits, strategy = np.random.default_rng(1).normal(size=(9, 3)), create("logit-adjustment")
    one = strategy.fit_adjust(fitting(np.zeros((6, 3))), CONTEXT)(logits)
    other = strategy.fit_adjust(fitting(100 * logits), CONTEXT)(logits)
    assert (one == other).all()


def test_at_tau_1_a_calibrated_posterior_decides_by_the_likelihood() -> None:
    rng = np.random.default_rng(5)
    context = Context(np.array([970, 30]), ("healthy", "diseased"))
    likelihood = rng.normal(scale=3, size=(5000, 2))
    posterior = likelihood + np.log([0.97, 0.03])
    posterior -= np.log(np.exp(posterior).sum(axis=1, keepdims=True))
    found = adjusted("logit-adjustment", posterior, context).argmax(axis=1)
    assert (found == likelihood.argmax(axis=1)).all()
    assert (posterior.argmax(axis=1) != found).mean() > 0.1
    less = adjusted("logit-adjustment:tau=0.5", posterior, context).argmax(axis=1)
    assert posterior.argmax(axis=1).sum() < less.sum() < found.sum()


def test_what_it_is() -> None:
    strategy = create("logit-adjustment")
    assert strategy.requires == "cross-entropy"
    assert trained_part(strategy).spec == "cross-entropy"
    assert is_afterwards_only(strategy)
    assert [p for p in ("fit_adjust", "fit_decision") if defines(strategy, p)] == ["fit_adjust"]
    assert strategy.spec == create("logit-adjustment:tau=1.0").spec == "logit-adjustment"
    assert create("logit-adjustment", tau=0.5).spec == "logit-adjustment:tau=0.5"
    whole = create("focal:gamma=1+logit-adjustment:tau=2+threshold")
    assert whole.spec == "focal:gamma=1+logit-adjustment:tau=2+threshold"
    assert trained_part(whole).spec == "focal:gamma=1"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("logit-adjustment:tau=-1", "tau.*-1.*at least 0 and at most 100"),
        ("logit-adjustment:tau=100.5", "tau.*100.5.*at most 100"),
        ("logit-adjustment:tau=nan", "tau.*nan"),
        ("logit-adjustment:tau=inf", "tau.*inf"),
        ("logit-adjustment:tau=0.5/1", "tau.*0.5/1"),
        ("logit-adjustment:tua=1", "'tua'.*tau"),
        ("logit-adjustment+logit-adjustment:tau=2", "holds 'logit-adjustment' twice; keep one"),
        ("logit-adjustmnt", "Did you mean 'logit-adjustment'"),
    ],
)
def test_what_is_refused(spec: str, said: str) -> None:
    with pytest.raises(RequestError, match=said):
        create(spec)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Cross-entropy, focal and oversampling stored on a small drawn data set."""
    folder = tmp_path_factory.mktemp("adjusted")
    compare("ce,focal,oversample", seeds=2, results=folder, **SETTINGS)
    assert len(run_folders(folder)) == 6
    return folder


def expected(folder: Path, trained: str, shift: list[float]) -> dict[str, float]:
    """Numbers of the stored logits with a shift added, straight from scikit-learn; the mean over the runs."""
    from sklearn.metrics import balanced_accuracy_score, f1_score, log_loss

    found = []
    for each in find_runs(folder)[0]:
        if each.config.strategy == trained:
            assert each.record["class_counts"] == [240, 60]
            z = each.predictions["test_logits"].astype(float) + shift
            p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
            labels, said = each.predictions["test_labels"], z.argmax(axis=1)
            found.append(
                [
                    f1_score(labels, said, average="macro", zero_division=0),
                    balanced_accuracy_score(labels, said),
                    log_loss(labels, p),
                ]
            )
    assert len(found) == 2
    return dict(zip(("macro_f1", "balanced_accuracy", "log_loss"), np.mean(found, axis=0), strict=True))


def test_the_shares_come_out_of_the_stored_scores(folder: Path) -> None:
    specs = ("logit-adjustment", "logit-adjustment:tau=0.5", "oversample+logit-adjustment")
    result = again(folder, ",".join(specs))
    odds = np.log(240 / 60)  # what tau 1 adds to the rare class beside the other
    for spec, trained, tau in zip(
        specs, ("cross-entropy", "cross-entropy", "oversample"), (1, 0.5, 1), strict=True
    ):
        wanted = expected(folder, trained, [0, tau * odds])
        row = row_of(result, spec)
        assert {name: row[name] for name in wanted} == pytest.approx(wanted), spec
        assert row["minority_ap"] == row_of(again(folder, trained), trained)["minority_ap"]
    zero = row_of(again(folder, "ce,logit-adjustment:tau=0"), "logit-adjustment:tau=0")
    assert {**zero, "strategy": "cross-entropy"} == row_of(result, "cross-entropy")


def test_a_threshold_follows_the_adjustment(folder: Path) -> None:
    result = again(folder, "focal+logit-adjustment,focal+threshold,focal+logit-adjustment:tau=2+threshold")
    assert kinds(result) == [
        ("cross-entropy", "requested"),
        ("focal+logit-adjustment", "requested"),
        ("focal+threshold", "requested"),
        ("focal+logit-adjustment:tau=2+threshold", "requested"),
        ("cross-entropy+threshold", "tuned"),
        ("focal+logit-adjustment+threshold", "tuned"),
        ("bayes-optimal", "reference"),
        ("majority-class", "reference"),
    ]
    plain, tuned = (row_of(result, f"focal+logit-adjustment{end}") for end in ("", "+threshold"))
    assert [tuned[name] for name in OF_SCORES] == [plain[name] for name in OF_SCORES]
    assert tuned["macro_f1"] != plain["macro_f1"]
    # A shift of all scores is made good by the threshold, which finds the same rows again.
    alone = row_of(result, "focal+threshold")
    for name in ("macro_f1", "balanced_accuracy", "mcc", "accuracy"):
        assert tuned[name] == pytest.approx(alone[name])
        assert row_of(result, "focal+logit-adjustment:tau=2+threshold")[name] == pytest.approx(alone[name])
    assert tuned["log_loss"] != alone["log_loss"]


def test_what_corrects_twice_is_told(folder: Path) -> None:
    said = again(folder, "oversample+logit-adjustment").notices
    # Shares .8 and .2: drawn alike, a rare row counts 4 times a common one; with 4 to 1 taken off again, 16.
    # Mean 1 over the rows: .8 w + .2 * 16 w = 1, so w = .25.
    (line,) = [line for line in said if line.startswith("oversample+logit-adjustment: ")]
    assert "sampling, loss and the shift of the scores taken together" in line
    assert line.endswith("healthy 0.25, diseased 4")
    halved = again(folder, "oversample+logit-adjustment:tau=0.5").notices
    # 4 * 2 = 8: .8 w + .2 * 8 w = 1
    assert any(line.endswith("healthy 0.417, diseased 3.33") for line in halved)
    assert not any("shift" in line for line in again(folder, "oversample,logit-adjustment").notices)


def test_alone_it_trains_cross_entropy_only(tmp_path: Path, call: Call) -> None:
    flags = [f"--{key.replace('_', '-')}={value}" for key, value in SETTINGS.items()]
    ended = call("run", "--strategy", "logit-adjustment", "--tau", "0.5", *flags, "--format=json")
    assert ended.status == 0, ended.err
    assert ended.json["strategy"] == "logit-adjustment:tau=0.5"
    (path,) = ended.json["runs"]
    assert Path(path).parent.name == "cross-entropy"
    assert len(run_folders(tmp_path)) == 1
    refused = call("run", "--strategy", "logit-adjustment", "--tau", "-1", *flags)
    assert refused.status == 2
    assert "tau" in refused.err
    assert len(run_folders(tmp_path)) == 1
    in_python = run("logit-adjustment", tau=0.5, results=tmp_path / "results", **SETTINGS)
    assert in_python["summary"] == ended.json["summary"]
