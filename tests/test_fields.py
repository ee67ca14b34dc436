"""Values of settings: what is taken as a number, text, path, spec or seeds, and what a refusal says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imbalance_bench.config import Settings, merge
from imbalance_bench.configfile import LoadedConfig, load_config
from imbalance_bench.errors import RequestError
from imbalance_bench.fields import parse_seeds

Write = Callable[[str], LoadedConfig]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """A loader of file content, at c.yaml in a folder of its own."""

    def written(text: str) -> LoadedConfig:
        path = tmp_path / "c.yaml"
        path.write_text(text)
        return load_config(path, Settings.model_fields)

    return written


def refusal(config: LoadedConfig | None, flags: dict[str, object]) -> str:
    """The one line of the refusal, which does not speak pydantic."""
    with pytest.raises(RequestError) as caught:
        merge(config, flags)
    message = str(caught.value)
    for jargon in ("pydantic", "http", "Input should", "Value error", "validation error", "\n"):
        assert jargon not in message
    return message.replace(f"{config.path.parent}/" if config else "\0", "")


@pytest.mark.parametrize(
    ("value", "seeds"),
    [
        (5, (0, 1, 2, 3, 4)),
        ("5", (0, 1, 2, 3, 4)),
        (" 2 ", (0, 1)),
        (1, (0,)),
        ("3,7", (3, 7)),
        ("7, 3", (7, 3)),
        ("0,9223372036854775807", (0, 2**63 - 1)),
        ([3, 7], (3, 7)),
        ([3], (3,)),
        ((0, 1), (0, 1)),
        (10_000, tuple(range(10_000))),
    ],
)
def test_seeds(value: object, seeds: tuple[int, ...]) -> None:
    assert parse_seeds(value) == seeds


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("3,", "write --seed 3 for that seed alone, --seeds 3 for a count"),
        (0, "found 0 as the number of seeds, allowed: 1 to 10000"),
        ("0", "as the number of seeds, allowed: 1 to 10000"),
        (10_001, "found 10001 as the number of seeds, allowed: 1 to 10000"),
        (list(range(10_001)), "found a list of 10001 seeds, allowed: 1 to 10000"),
        ([], "found a list of 0 seeds"),
        (-1, "found -1, allowed: a count, as 5 for the seeds 0 to 4, or a list of seeds"),
        ("-1", "found '-1', allowed"),
        ([1, -1], "found [1, -1], allowed"),
        ("3,3", "found '3,3' with the seed 3 more than once; name each once"),
        ([7, 3, 7], "with the seed 7 more than once"),
        ([2**63], "a list of seeds from 0 to 9223372036854775807"),
        ("9" * 5000, "allowed: a count"),
        (5.0, "found 5.0, allowed: a count"),
        ([1.0], "found [1.0], allowed: a count"),
        (True, "found true, allowed: a count"),
        ([True, 2], "found [True, 2], allowed: a count"),
        (None, "found nothing, allowed: a count"),
        ("", "found '', allowed: a count"),
        (",", "found ',', allowed: a count"),
        ("3,,7", "found '3,,7', allowed: a count"),
        ("3,7,", "found '3,7,', allowed: a count"),
        ("a", "found 'a', allowed: a count"),
        ("0-4", "found '0-4', allowed: a count"),
        ("\u0663", "allowed: a count"),
        ({"a": 1}, "allowed: a count"),
    ],
)
def test_seeds_refused(value: object, said: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_seeds(value)
    assert said in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("imbalance-ratio: 100", "imbalance_ratio", 100.0),
        ("n_max: '400'", "n_max", 400),
        ("n-max: +400", "n_max", 400),
        ("lr: 1e-3", "lr", 0.001),
        ("lr: '1e-3'", "lr", 0.001),
        ("lr: 1", "lr", 1.0),
        ("weight-decay: 0", "weight_decay", 0.0),
        ("epochs: 0.5", "epochs", 0.5),
        ("steps: 10000000", "steps", 10_000_000),
        ("positive-class: 3", "positive_class", "3"),
        ("positive-class: 007", "positive_class", "007"),
        ("positive-class: no", "positive_class", "no"),
        ("positive-class: ~", "positive_class", None),
        ("dataset: npz:a b.npz", "dataset", "npz:a b.npz"),
        ("strategy: focal:alpha=0.25,gamma=2", "strategy", "focal:alpha=0.25,gamma=2"),
        ("strategies: ce, focal:alpha=0.25,gamma=2", "strategies", "ce,focal:alpha=0.25,gamma=2"),
        ("strategies: [ce, focal]", "strategies", "ce,focal"),
        ("strategies: [focal:alpha=0.25,gamma=2, ce]", "strategies", "focal:alpha=0.25,gamma=2,ce"),
        ("strategies: |\n  ce,\n  focal:gamma=1", "strategies", "ce,focal:gamma=1"),
        ("strategies: >\n  ce,\n  focal", "strategies", "ce,focal"),
        ("seeds: [3]", "seeds", (3,)),
        ("seeds: 2", "seeds", (0, 1)),
        ("seeds: 3,7", "seeds", (3, 7)),
        ("seed: 0", "seed", 0),
        ("quiet: true", "quiet", True),
        ("results: 2024", "results", Path("2024")),
        ("output: a/b.csv", "output", Path("a/b.csv")),
        ("results: ~/r", "results", Path.home() / "r"),
    ],
)
def test_values_of_a_file(write: Write, text: str, name: str, value: object) -> None:
    found = getattr(merge(write(text), {}), name)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("imbalance-ratio: 0.5", "imbalance-ratio: found 0.5, allowed: a number at least 1."),
        ("imbalance-ratio: .inf", "imbalance-ratio: found '.inf', allowed: a number at least 1."),
        ("imbalance-ratio: true", "imbalance-ratio: found true, allowed: a number at least 1."),
        ("n-max: 0", "n-max: found 0, allowed: a whole number at least 1 and at most 1,000,000,000."),
        ("n-max: 5.0", "n-max: found 5.0, allowed: a whole number at least 1"),
        ("n-max: true", "n-max: found true, allowed: a whole number at least 1"),
        ("n-max: 0x10", "n-max: found '0x10', allowed: a whole number"),
        ("n-max: 1_000", "n-max: found '1_000', allowed: a whole number"),
        ("n-max: [1]", "n-max: found [1], allowed: a whole number"),
        ("minority-fraction: 0", "minority-fraction: found 0, allowed: a number above 0 and below 1."),
        ("minority-fraction: 1", "minority-fraction: found 1, allowed: a number above 0 and below 1."),
        ("steps: 0", "steps: found 0, allowed: a whole number at least 1 and at most 10,000,000."),
        ("steps: 10000001", "steps: found 10000001, allowed: a whole number at least 1"),
        ("steps: 1e3", "steps: found 1000.0, allowed: a whole number"),
        ("epochs: 0", "epochs: found 0, allowed: a number above 0 and at most 100,000."),
        ("batch-size: 0", "batch-size: found 0, allowed: a whole number at least 2"),
        ("batch-size:", "batch-size: found nothing, allowed: a whole number"),
        ("lr: 0", "lr: found 0, allowed: a number above 0."),
        ("lr: .nan", "lr: found '.nan', allowed: a number above 0."),
        ("lr: nan", "lr: found 'nan', allowed: a number above 0."),
        ("lr: 1e999", "lr: found '1e999', allowed: a number above 0."),
        ("lr: fast", "lr: found 'fast', allowed: a number above 0."),
        ("weight-decay: -1", "weight-decay: found -1, allowed: a number at least 0."),
        ("workers: -1", "workers: found -1, allowed: a whole number at least 0 and at most 4,096."),
        ("seed: -1", "seed: found -1, allowed: a whole number at least 0"),
        ("seed: 9223372036854775808", "seed: found 9223372036854775808, allowed: a whole number"),
        ("seed: true", "seed: found true, allowed: a whole number"),
        ("seeds: 5.0", "seeds: found 5.0, allowed: a count"),
        ("seeds: 3,", "seeds: found '3,', which is one seed or a count; write --seed 3"),
        ("seeds: true", "seeds: found true, allowed: a count"),
        ("profile: EXP", "profile: found 'EXP', allowed: exp, step or linear."),
        ("tail-order: x", "tail-order: found 'x', allowed: random or fixed."),
        ("validation: x", "validation: found 'x', allowed: thinned or full."),
        ("test-prior: x", "test-prior: found 'x', allowed: dataset, train or uniform."),
        ("schedule: x", "schedule: found 'x', allowed: one-cycle, cosine or constant."),
        ("vary: x", "vary: found 'x', allowed: init, data or all."),
        ("device: cuda:0", "device: found 'cuda:0', allowed: auto, cpu, cuda or mps."),
        ("backend: dask", "backend: found 'dask', allowed: loky."),
        ("format: html", "format: found 'html', allowed: terminal, markdown, csv or json."),
        ("quiet: yes", "quiet: found 'yes', allowed: true or false."),
        ("download: 1", "download: found 1, allowed: true or false."),
        ("dataset: ''", "dataset: found '', allowed: text that is not empty, on one line."),
        ("dataset:", "dataset: found nothing, allowed: text."),
        ('dataset: "a\\0b"', "dataset: found 'a\\x00b', allowed: text that is not empty, on one line."),
        ('dataset: "\\uD800"', "dataset: found '\\ud800', allowed: text that is not empty"),
        ("model: [a]", "model: found ['a'], allowed: text."),
        ("positive-class: true", "positive-class: found true, allowed: text; put it in quotes"),
        ("positive-class: 1.50", "positive-class: found 1.5, allowed: text; put it in quotes"),
        ("results: ''", "results: found '', allowed: text that is not empty"),
        ("output: ~nobody-by-this-name/x", "output: found '~nobody-by-this-name/x', allowed: a path"),
        ("strategies: []", "strategies: found an empty list, allowed: the names of one or more strategies."),
        ("strategies: [ce, ~]", "strategies: found nothing, allowed: text."),
        ("strategies: ce,,focal", "strategies: an empty entry in the list"),
        ("strategies: [ce, k=3]", "strategies: 'k=3' follows 'ce', which has no parameters yet"),
        ("strategy: ce,focal", "strategy: 'ce,focal' holds 2 entries"),
    ],
)
def test_a_refused_value_of_a_file(write: Write, text: str, said: str) -> None:
    line = refusal(write(f"# first\n{text}\n"), {})
    assert line.startswith(f"c.yaml:2: {said}")


def test_a_huge_number_is_refused() -> None:
    for name in ("lr", "steps", "seed", "seeds"):
        line = refusal(None, {name: 10**400})
        assert line.startswith(f"--{name}: found 1000")
        assert len(line) < 250


SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(-5, 20), st.integers(), st.floats(), st.text(max_size=10)
)
VALUES = st.one_of(SCALARS, st.lists(SCALARS, max_size=4), st.sampled_from(["3,7", "ce,focal", "1e-3", "5"]))


@given(st.dictionaries(st.sampled_from(sorted(Settings.model_fields)), VALUES, max_size=6))
@settings(max_examples=300, deadline=2000, suppress_health_check=[HealthCheck.too_slow])
def test_arbitrary_values_are_taken_or_refused(flags: dict[str, object]) -> None:
    try:
        found = merge(None, flags)
    except RequestError:
        return
    assert Settings.model_validate(found.model_dump()) == found
