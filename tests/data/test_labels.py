"""Labels in every form that people store them in: what class each is, its name, and what is refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from imbalance_bench.data.labels import name_codes, read_labels, text_names
from imbalance_bench.errors import RequestError


def read(*parts: Any, names: Any = None) -> tuple[list[list[int]], tuple[str, ...]]:
    """Codes of train, val and test, as far as given, and the class names."""
    keys = ("train_labels", "val_labels", "test_labels")
    found = read_labels(dict(zip(keys, parts, strict=False)), names)
    assert all(codes.dtype == np.int64 for codes in found.codes.values())
    return [codes.tolist() for codes in found.codes.values()], found.names


@pytest.mark.parametrize(
    ("array", "codes", "names"),
    [
        ([0, 2, 1, 0], [0, 2, 1, 0], "0 1 2"),
        (np.array([[0], [2], [1]], np.uint8), [0, 2, 1], "0 1 2"),
        ([7, 100, 9], [0, 2, 1], "7 9 100"),  # gaps; as numbers, not by code point
        ([1, 2, 3, 1], [0, 1, 2, 0], "1 2 3"),
        ([True, False, True], [1, 0, 1], "False True"),
        ([[True], [False]], [1, 0], "False True"),
        ([1.0, 0.0, 10.0, 2.0], [1, 0, 3, 2], "0 1 2 10"),
        (np.array([1, 0, -0.0], np.float16), [1, 0, 0], "0 1"),
        (np.array([2**64 - 1, 0], np.uint64), [1, 0], "0 18446744073709551615"),
        (["b", "a", "B"], [2, 1, 0], "B a b"),  # by code point
        ([["b"], ["a"]], [1, 0], "a b"),
        (["10", "9", "9"], [0, 1, 1], "10 9"),
        (["é", "z", "e"], [2, 1, 0], "e z é"),
        (np.array(["ä".encode(), b"a"]), [1, 0], "a ä"),
        ([" cat", "dog ", "cat"], [0, 1, 0], "cat dog"),
        ([[0, 1, 0], [1, 0, 0], [0, 0, 1]], [1, 0, 2], "0 1 2"),
        ([[0.0, 1.0], [1.0, 0.0]], [1, 0], "0 1"),
        ([[False, True], [True, False]], [1, 0], "0 1"),
        ([[0, 1, 0, 0], [0, 0, 0, 1]], [0, 1], "1 3"),  # a column without rows is no class
        (np.array([1, 0], ">i4"), [1, 0], "0 1"),
    ],
)
def test_the_value_as_text_names_the_class(array: Any, codes: list[int], names: str) -> None:
    assert read(np.asarray(array)) == ([codes], tuple(names.split()))


@pytest.mark.parametrize(
    ("array", "said"),
    [
        ([[0, 1, 0], [1, 0, 0], [1, 0, 1]], r"multi-label: row 2 marks 2 of 3 .*several: 1\)"),
        ([[0, 1, 0], [0, 0, 0], [1, 0, 1]], r"multi-label: row 1 marks 0 of 3 .*several: 2\)"),
        ([[0.0, 1.0], [1.0, 1.0]], "multi-label: row 1 marks 2"),
        ([[0.2, 0.8], [1.0, 0.0]], r"shape \(2, 2\); several columns must be one-hot"),
        ([[0, 3], [1, 2]], "several columns must be one-hot"),
        ([["a", "b"], ["c", "d"]], "several columns must be one-hot"),
        ([0, 1, -1], "row 2 has the label -1; class numbers start at 0"),
        ([0.0, -2.0], r"row 1 has the label -2\.0; class numbers start"),
        ([0.0, np.nan], "row 1 has the label nan"),
        ([0.0, np.inf], "row 1 has the label inf"),
        ([0.0, 1.0, 1.5], r"row 2 has the label 1\.5; a whole number below 2\^53"),
        ([0.0, 1e300], r"row 1 has the label 1e\+300"),
        (np.array([0.0, 2.0**24], np.float32), r"row 1 has the label 16777216.0; .* below 2\^24"),
        ([0.0, 2.0**53], "row 1 has the label 9007199254740992"),
        (["a", "", "b"], "row 1 has the label ''; 1 to 200 printable"),
        (["a", "b", "a\nc"], r"row 2 has the label 'a\\nc'"),
        (["a", "b" * 201], "row 1 has the label"),
        (np.array([b"a", b"\xff"]), r"row 1 has the label b'\\xff'; text in UTF-8"),
        (np.array(["a", 1], object), "holds Python objects, which are never loaded"),
        (np.array([1j, 0]), "type complex128; whole numbers or text"),
        (np.array(["2020-01-01", "2020-01-02"], "M8[D]"), "type datetime64"),
        (np.zeros((2, 2, 2)), r"shape \(2, 2, 2\); \(N,\), \(N, 1\) or one-hot"),
        (np.zeros((2, 0)), r"shape \(2, 0\)"),
        (np.array(1), r"shape \(\)"),
        (np.array([], np.int64), "is empty"),
        ([1, 1, 1], "every row is of the class '1'; at least two classes"),
    ],
)
def test_refusals_name_the_row(array: Any, said: str) -> None:
    with pytest.raises(RequestError, match=said) as refused:
        read(np.asarray(array))
    assert str(refused.value).startswith("train_labels")


def test_parts_are_matched_by_name() -> None:
    assert read([0, 1, 5], [5.0, 0.0], [1, 5]) == (
        [[0, 1, 2], [2, 0], [1, 2]],
        ("0", "1", "5"),
    )
    # One-hot beside numbers beside text: a class is its name.
    assert read([0, 1, 1], [[0, 1], [1, 0]], ["1", "0"]) == ([[0, 1, 1], [1, 0], [1, 0]], ("0", "1"))
    assert read(np.array([b"x", b"y"]), ["y"]) == ([[0, 1], [1]], ("x", "y"))


def test_a_class_without_training_rows_is_refused_with_counts() -> None:
    said = "class '7' has no row in train_labels, 2 in val_labels and 1 in test_labels.*are 0, 1"
    with pytest.raises(RequestError, match=said):
        read([0, 1], [0, 7, 7], [7])
    with pytest.raises(RequestError, match="class 'False' has no row in train_labels, 1 in val_labels"):
        read([0, 1], [True, False])


def test_a_class_without_test_rows_stays_with_a_note() -> None:
    found = read_labels({"train_labels": [0, 1, 2], "val_labels": [0, 1, 2], "test_labels": [0]})
    assert found.names == ("0", "1", "2")
    assert found.notes == ("No row of test_labels has the class 1, 2: it isn't measured there.",)
    assert read_labels({"labels": ["a", "b"]}).notes == ()


def test_class_names_number_the_classes_and_give_the_order() -> None:
    names = ("well", "ill", "gone")
    assert read([1, 0, 2], [2], names=names) == ([[1, 0, 2], [2]], names)
    assert read([True, False], names=names[:2]) == ([[1, 0]], names[:2])
    assert read([[0, 1], [1, 0]], names=names[:2]) == ([[1, 0]], names[:2])
    assert read(["ill", "well"], names=names[:2]) == ([[1, 0]], names[:2])
    assert read([2, 0], names=("0", "1", "2")) == ([[1, 0]], ("0", "2"))
    assert read(["20", "10"], names=("20", "10")) == ([[0, 1]], ("20", "10"))
    found = read_labels({"labels": [2, 0, 0]}, names)
    assert found.names == ("well", "gone")
    assert found.codes["labels"].tolist() == [1, 0, 0]
    assert found.notes == ("No row has the class ill: left out.",)


@pytest.mark.parametrize(
    ("array", "names", "said"),
    [
        ([1, 2, 1], ("a", "b"), "row 1 has the label '2'; with 2 class names it must be from 0 to 1"),
        (["a", "bb"], ("a", "bbb"), "row 1 has the label 'bb', which .* hold: a, bbb. Did you mean 'bbb'"),
        ([0, 1], ("10", "20"), "a label could mean either"),
    ],
)
def test_class_names_that_do_not_fit(array: Any, names: tuple[str, ...], said: str) -> None:
    with pytest.raises(RequestError, match=said):
        read(array, names=names)


def test_names_of_classes_as_an_array() -> None:
    assert text_names("class_names", ["b", " a "]) == ("b", "a")
    assert text_names("class_names", np.array([b"b", b"a"])) == ("b", "a")
    assert text_names("class_names", [3, 1]) == ("3", "1")
    for bad, said in (
        (["a", "b", "a"], "names the class 'a' twice"),
        (["a", ""], "found ''; 1 to 200 printable"),
        ([["a"], ["b"]], r"shape \(2, 1\); text of shape \(C,\)"),
        (np.array(["a", None], object), "found object"),
    ):
        with pytest.raises(RequestError, match=said):
            text_names("class_names", bad)


def test_groups_are_numbered_by_value() -> None:
    codes, values = name_codes("groups", np.array([[12], [3], [12]]))
    assert [values[c] for c in codes] == ["12", "3", "12"]
    codes, values = name_codes("groups", ["p1", "p2", "p1"])
    assert [values[c] for c in codes] == ["p1", "p2", "p1"]
    with pytest.raises(RequestError, match=r"groups has shape \(2, 2\)"):
        name_codes("groups", np.eye(2, dtype=int))
