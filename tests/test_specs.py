"""The grammar of specs, as design.md fixes it."""

from __future__ import annotations

import contextlib
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbalance_bench.errors import RequestError
from imbalance_bench.specs import MAX_LENGTH, Part, split_list, split_spec


@pytest.mark.parametrize(
    ("text", "specs"),
    [
        # The example of design.md: it holds three.
        ("ce,focal:alpha=0.25,gamma=2,smote", ["ce", "focal:alpha=0.25,gamma=2", "smote"]),
        ("ce", ["ce"]),
        (" ce , focal : gamma=1 ", ["ce", "focal : gamma=1"]),
        ("oversample+focal:alpha=1/2, gamma = 1,ce", ["oversample+focal:alpha=1/2,gamma = 1", "ce"]),
        ("focal:gamma=1e+3,alpha=1,ce+drw", ["focal:gamma=1e+3,alpha=1", "ce+drw"]),
        ("imblearn:SMOTE:k=3,m=2,ce", ["imblearn:SMOTE:k=3,m=2", "ce"]),
    ],
)
def test_lists(text: str, specs: list[str]) -> None:
    assert split_list(text) == specs


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("focal", [Part("focal")]),
        ("focal:gamma=2", [Part("focal", params={"gamma": "2"})]),
        ("focal:gamma=1e+3", [Part("focal", params={"gamma": "1e+3"})]),
        ("focal:alpha=0.2/0.3/0.5", [Part("focal", params={"alpha": "0.2/0.3/0.5"})]),
        ("oversample:ratio=1e-1+focal", [Part("oversample", params={"ratio": "1e-1"}), Part("focal")]),
        ("a:x=1e+3+b:y=2", [Part("a", params={"x": "1e+3"}), Part("b", params={"y": "2"})]),
        ("imblearn:SMOTE", [Part("imblearn", "SMOTE")]),
        ("imblearn:SMOTE:k-neighbors=3", [Part("imblearn", "SMOTE", {"k_neighbors": "3"})]),
        ("npz:/data/some file.npz", [Part("npz", "/data/some file.npz")]),
        (" ce ", [Part("ce")]),
    ],
)
def test_parts(text: str, parts: list[Part]) -> None:
    assert split_spec(text) == parts


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("ce,k=3", "write ce:k=3"),
        ("ce,oversample+focal,gamma=3", "write oversample+focal:gamma=3"),
        ("imblearn:SMOTE,k=3", "write imblearn:SMOTE:k=3"),
        ("focal:gamma=1+ce,k=3", "write focal:gamma=1+ce:k=3"),
        ("k=3,ce", "write NAME:k=3"),
    ],
)
def test_a_parameter_without_its_colon_is_refused_with_the_right_spelling(text: str, spelling: str) -> None:
    with pytest.raises(RequestError, match=re.escape(spelling)):
        split_list(text)


@pytest.mark.parametrize("text", ["", " ", "ce,", ",ce", "ce,,focal"])
def test_empty_entries_are_refused(text: str) -> None:
    with pytest.raises(RequestError, match="empty entry"):
        split_list(text)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("ce,focal", "holds 2 entries"),
        ("ce:", "ends in a colon"),
        ("+ce", "does not start with a name"),
        ("ce+", "does not start with a name"),
        ("3ce", "does not start with a name"),
        ("cé", "does not start with a name"),
        ("a + 3", "does not start with a name"),
        ("focal:gamma=", "not key=value"),
        ("focal:gamma=1,gamma=2", "twice"),
        ("x:a-b=1,a_b=2", "twice"),
        ("focal:gamma=1:alpha=2", "too many colons"),
        ("imblearn:SMOTE:ENN:k=1", "too many colons"),
        ("imblearn:SMOTE:", "not key=value"),
    ],
)
def test_malformed_specs_are_refused(text: str, reason: str) -> None:
    with pytest.raises(RequestError, match=reason):
        split_spec(text)


def test_a_text_without_end_is_refused() -> None:
    with pytest.raises(RequestError, match=f"at most {MAX_LENGTH}"):
        split_list("a," * MAX_LENGTH)


names = st.from_regex(r"[a-z][a-z0-9_-]{0,5}", fullmatch=True)
values = st.from_regex(r"[0-9]{1,3}(\.[0-9])?(e\+[0-9])?(/[0-9]{1,2}){0,2}", fullmatch=True)
parts = st.builds(
    Part,
    names,
    st.none() | st.from_regex(r"[A-Z][A-Za-z]{0,5}", fullmatch=True),
    st.dictionaries(names.map(lambda name: name.replace("-", "_")), values, max_size=3),
)


def written(part: Part) -> str:
    params = ",".join(f"{key}={value}" for key, value in part.params.items())
    return ":".join(piece for piece in (part.name, part.word, params) if piece)


@given(st.lists(st.lists(parts, min_size=1, max_size=3), min_size=1, max_size=4))
def test_what_is_written_is_read_back(specs: list[list[Part]]) -> None:
    texts = ["+".join(map(written, spec)) for spec in specs]
    assert split_list(",".join(texts)) == texts
    assert [split_spec(text) for text in texts] == specs


@given(st.text(alphabet="ab1:=,+/ .-", max_size=20))
def test_any_text_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(RequestError):
        assert all(split_spec(spec) for spec in split_list(text))
