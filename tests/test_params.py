"""Declared parameters: what is read, what is refused and how it is said, and canonical text."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbalance_bench.errors import RequestError
from imbalance_bench.params import Value, build, canonical, check, non_defaults, param, rules


@dataclass(frozen=True)
class Toy:
    """One parameter of each kind; `plain` is none."""

    k: int = param(5, kind="int", low=1, high=10_000, help="neighbours")
    ratio: float = param(1.0, low=0, high=1, low_open=True, help="a share")
    alpha: float | str | tuple[float, ...] | None = param(
        None, low=0, many=True, words=("none", "balanced"), help="class weights"
    )
    space: str = param("pixel", kind="word", words=("pixel", "features"), help="where")
    flag: bool = param(False, kind="bool", help="a switch")
    count: int = param(1, kind="int", help="without bounds")
    plain: int = 3


RULES = rules(Toy)


@pytest.mark.parametrize(
    ("name", "given_value", "value"),
    [
        ("k", "7", 7),
        ("k", " +7 ", 7),
        ("k", np.int64(7), 7),
        ("k", "007", 7),
        ("ratio", "0.25", 0.25),
        ("ratio", "1e-3", 0.001),
        ("ratio", "1", 1.0),
        ("ratio", ".5", 0.5),
        ("ratio", "1.", 1.0),
        ("ratio", Fraction(1, 4), 0.25),
        ("ratio", np.float32(0.5), 0.5),
        ("alpha", "1e+3", 1000.0),
        ("alpha", "0.2/0.3/0.5", (0.2, 0.3, 0.5)),
        ("alpha", [1, 2.5], (1.0, 2.5)),
        ("alpha", np.array([1, 2]), (1.0, 2.0)),
        ("alpha", "Balanced", "balanced"),
        ("alpha", "none", None),
        ("alpha", None, None),
        ("space", "FEATURES", "features"),
        ("flag", "true", True),
        ("flag", "No", False),
        ("flag", True, True),
        ("count", "-3", -3),
    ],
)
def test_reads(name: str, given_value: object, value: Value) -> None:
    found = check(RULES[name], given_value, "toy")
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("name", "given_value"),
    [
        ("k", "1_0"),
        ("k", "400.0"),
        ("k", "4e2"),
        ("k", 4e2),
        ("k", "٣"),  # Arabic-Indic three, which int() reads
        ("k", "³"),
        ("k", "0"),
        ("k", "10001"),
        ("k", ""),
        ("k", True),
        ("k", None),
        pytest.param("k", "9" * 5000, id="k-long"),
        pytest.param("count", "9" * 5000, id="count-long"),
        ("k", [3]),
        ("ratio", "1_0.5"),
        ("ratio", "٠.٥"),
        ("ratio", "0"),
        ("ratio", "1.0001"),
        ("ratio", "nan"),
        ("ratio", "inf"),
        ("ratio", "1e999"),
        ("ratio", "0x1p-1"),
        pytest.param("ratio", 10**400, id="ratio-huge"),
        ("ratio", float("nan")),
        ("ratio", 1j),
        ("ratio", "true"),
        ("ratio", "half"),
        pytest.param("alpha", 10**400, id="alpha-huge"),
        ("alpha", "infinity"),
        ("alpha", "0.2/"),
        ("alpha", "0.2/-0.3"),
        ("alpha", "0.2/nan"),
        ("alpha", "0.2/balanced"),
        ("alpha", [0.5]),
        ("alpha", []),
        ("alpha", b"ab"),
        ("alpha", [[1, 2], [3, 4]]),
        ("space", "voxel"),
        ("space", None),
        ("space", 3),
        ("flag", "1"),
        ("flag", 1),
        ("flag", None),
    ],
)
def test_refuses_and_says_what_is_allowed(name: str, given_value: object) -> None:
    with pytest.raises(RequestError, match=r"toy is .*; allowed: ") as caught:
        check(RULES[name], given_value, "toy")
    assert RULES[name].allowed() in str(caught.value)
    assert len(str(caught.value)) < 300


def test_a_whole_number_too_big_for_a_float_does_not_crash() -> None:
    with pytest.raises(RequestError):
        check(RULES["count"], 10**400, "toy")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("k", "a whole number at least 1 and at most 10000"),
        ("ratio", "a number above 0 and at most 1"),
        ("space", "'pixel' or 'features'"),
        ("flag", "true or false"),
        ("count", "a whole number"),
    ],
)
def test_allowed_in_words(name: str, words: str) -> None:
    assert RULES[name].allowed() == words


def test_allowed_names_lists_and_words() -> None:
    said = RULES["alpha"].allowed()
    assert said.startswith("a number at least 0")
    assert "one such number per class" in said
    assert said.endswith("'none' or 'balanced'")


def test_build_reads_dashes_and_names_what_is_unknown() -> None:
    assert build(Toy, {"k": "3", "space": "features"}, what="toy") == Toy(k=3, space="features")
    with pytest.raises(RequestError, match=r"toy has no parameter 'ratios'.*Did you mean 'ratio'\?"):
        build(Toy, {"ratios": "1"}, what="toy")
    with pytest.raises(RequestError, match="no parameter 'plain'"):
        build(Toy, {"plain": "1"}, what="toy")


def test_non_defaults_are_sorted_and_leave_defaults_out() -> None:
    assert non_defaults(Toy()) == {}
    toy = Toy(space="features", k=3, alpha=(0.2, 1.0), flag=True, ratio=0.5)
    assert list(non_defaults(toy).items()) == [
        ("alpha", "0.2/1"),
        ("flag", "true"),
        ("k", "3"),
        ("ratio", "0.5"),
        ("space", "features"),
    ]


numbers = st.floats(0, 1e300, allow_nan=False)


@given(
    st.builds(
        Toy,
        k=st.integers(1, 10_000),
        ratio=st.floats(0, 1, exclude_min=True),
        alpha=st.none()
        | st.just("balanced")
        | numbers
        | st.lists(numbers, min_size=2, max_size=4).map(tuple),
        space=st.sampled_from(["pixel", "features"]),
        flag=st.booleans(),
        count=st.integers(-(10**30), 10**30),
    )
)
def test_canonical_text_makes_the_same_again(toy: Toy) -> None:
    assert build(Toy, non_defaults(toy), what="toy") == toy
    everything = {name: canonical(getattr(toy, name)) for name in RULES}
    assert build(Toy, everything, what="toy") == toy
