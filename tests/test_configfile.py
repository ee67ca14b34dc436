"""Experiment files: what is read, and that each refusal names file, line and remedy."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from imbalance_bench.configfile import MAX_BYTES, MAX_VALUES, LoadedConfig, load_config, refuse_unknown
from imbalance_bench.errors import RequestError

KNOWN = ("dataset", "n-max", "lr", "steps", "seeds", "strategies", "quiet", "positive_class")
CONFIGS = Path(__file__).parent.parent / "configs"
SHIPPED = sorted(path.name for path in CONFIGS.iterdir())


def load(tmp_path: Path, content: str | bytes) -> LoadedConfig:
    path = tmp_path / "c.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return load_config(path, KNOWN)


def refusal(tmp_path: Path, content: str | bytes) -> str:
    """The message of the refusal, which must name the file, without the folder in front."""
    started = time.perf_counter()
    with pytest.raises(RequestError) as caught:
        load(tmp_path, content)
    assert time.perf_counter() - started < 5
    message = str(caught.value)
    assert message.startswith(f"{tmp_path}/c.yaml")
    assert "Traceback" not in message
    assert "\n" not in message
    assert len(message) < 600
    return message.removeprefix(f"{tmp_path}/")


def test_values_lines_and_unknown_keys(tmp_path: Path) -> None:
    found = load(
        tmp_path,
        "# a comment\ndataset: digits\n\nn-max: 400  # at most\nstrategies: [ce, focal]\n"
        "positive-class: 'no'\ngamma: 2.0\nseeds:\n  - 3\n  - 7\n",
    )
    assert found.path == tmp_path / "c.yaml"
    lists = {"strategies": ["ce", "focal"], "seeds": [3, 7]}
    assert found.values == {"dataset": "digits", "n_max": 400, "positive_class": "no", **lists}
    assert found.unknown == {"gamma": 2.0}
    names = ("dataset", "n_max", "strategies", "positive_class", "gamma", "seeds")
    assert found.lines == dict(zip(names, (2, 4, 5, 6, 7, 8), strict=True))
    assert found.where("n_max") == f"{tmp_path}/c.yaml:4"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("400", 400),
        ("-3", -3),
        ("0", 0),
        ("0.5", 0.5),
        ("1e-3", 0.001),
        ("1E+3", 1000.0),
        ("5.0", 5.0),
        (".5", 0.5),
        ("1.", 1.0),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        *((text, text) for text in ("on", "yes", "no", "Off", "007", "+5", "0x1f", "0o17", "1_000", "1:30")),
        *((text, text) for text in (".inf", ".NaN", "1e999", "9" * 31, "2020-01-01", "3,7", "=")),
        ("2020-01-01 10:00:00", "2020-01-01 10:00:00"),
        ("'400'", "400"),
        ('"true"', "true"),
        ("|\n  two\n  lines", "two\nlines\n"),
        ("[]", []),
        ("[1, 2.5, a, true, ~]", [1, 2.5, "a", True, None]),
        ("focal:alpha=0.25,gamma=2,smote", "focal:alpha=0.25,gamma=2,smote"),
    ],
)
def test_scalars_are_plain_and_yaml_1_2(tmp_path: Path, text: str, value: object) -> None:
    found = load(tmp_path, f"lr: {text}\n").values["lr"]
    assert found == value
    assert type(found) is type(value)
    if isinstance(found, list):
        assert [type(item) for item in found] == [int, float, str, bool, type(None)][: len(found)]


@pytest.mark.parametrize("text", ["", "\n\n", "# only a comment\n", "---\n", "---\n# c\n...\n", "{}", "~"])
def test_an_empty_file_sets_nothing(tmp_path: Path, text: str) -> None:
    found = load(tmp_path, text)
    assert (found.values, found.unknown, found.lines) == ({}, {}, {})


def test_byte_order_mark_windows_line_ends_and_json_style(tmp_path: Path) -> None:
    found = load(tmp_path, b"\xef\xbb\xbfsteps: 4\r\n\r\nlr: 1e-3\r\n")
    assert found.values == {"steps": 4, "lr": 0.001}
    assert found.lines == {"steps": 1, "lr": 3}
    assert load(tmp_path, '{"steps": 4, "n-max": 5}').values == {"steps": 4, "n_max": 5}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("steps: 1\nsteps: 2", "c.yaml:2: 'steps' is already set in line 1; keep one"),
        ("n-max: 1\nn_max: 2", "c.yaml:2: 'n_max' is already set in line 1, where it is spelled 'n-max'"),
        ("lr: 1\na: 1\na: 1", "c.yaml:3: 'a' is already set in line 2"),
        (
            "a: 1\nb: !!python/object/apply:os.system ['x']",
            "c.yaml:2: found the tag 'tag:yaml.org,2002:python/",
        ),
        ("!!python/name:os.system", "c.yaml:1: found the tag"),
        ("a: !!str 1", "c.yaml:1: found the tag 'tag:yaml.org,2002:str'; remove it"),
        ("a: !mine 1", "c.yaml:1: found the tag '!mine'"),
        ("a: ! 1", "c.yaml:1: found the tag '!'"),
        ("--- !!map\na: 1", "c.yaml:1: found the tag"),
        ("!!str a: 1", "c.yaml:1: found the tag"),
        ("\na: &x 1", "c.yaml:2: found the anchor '&x'; remove it"),
        ("a: &x [1]", "c.yaml:1: found the anchor '&x'"),
        ("&x a: 1", "c.yaml:1: found the anchor '&x'"),
        ("a: 1\nb: *x", "c.yaml:2: found the alias '*x'; write the value out"),
        ("a: [1, *x]", "c.yaml:1: found the alias '*x'"),
        ("*x : 1", "c.yaml:1: found the alias '*x'"),
        ("a: 1\n<<: {b: 2}", "c.yaml:2: found a merge key '<<'; write the settings out"),
        ("a: 1\n---\nb: 2", "c.yaml:2: found a second document"),
        ("---\n---\na: 1", "c.yaml:2: found a second document"),
        ("%YAML 1.1\n---\na: yes", "c.yaml:1: found a directive"),
        ("%TAG ! tag:x,2000:\n---\na: 1", "c.yaml:1: found a directive"),
        ("%YAML 1.3\n---\na: 1", "c.yaml:1: found a directive"),
        ("- a\n- b", "c.yaml:1: found a list instead of settings; allowed is one setting a line"),
        ("5", "c.yaml:1: found the text '5' instead of settings"),
        (
            "\nsteps:1",
            "c.yaml:2: found the text 'steps:1' instead of settings; allowed is one setting a line",
        ),
        ("1: a", "c.yaml:1: found 1 as a key; a key is the name of a setting, as text"),
        ("true: a", "c.yaml:1: found true as a key"),
        ("~: a", "c.yaml:1: found nothing as a key"),
        ("'': a", "c.yaml:1: found '' as a key"),
        ("[a]: b", "c.yaml:1: found a list or mapping as a key"),
        ("? {a: b}\n: c", "c.yaml:1: found a list or mapping as a key"),
        ("a: 1\nb: {c: 1}", "c.yaml:2: found a mapping under 'b'; allowed is one setting a line"),
        ("b:\n  c: 1", "c.yaml:2: found a mapping under 'b'"),
        ("a:\n  - 1\n  - [2]", "c.yaml:3: found a list inside the list 'a'"),
        ("a: [focal: 2]", "c.yaml:1: found a mapping inside the list 'a'"),
        ("a: [1,\n", "c.yaml:2: not valid YAML in column 1: "),
        ("lr: 1\na: b: c", "c.yaml:2: not valid YAML in column 5: mapping values are not allowed here"),
        ("a:\tb", "c.yaml:1: not valid YAML in column 3: found character '\\t' that cannot start any token"),
        ("lr: 1\n\ta: b", "c.yaml:2: not valid YAML in column 1"),
        ("a: @b", "c.yaml:1: not valid YAML in column 4"),
        ("a: 'open", "c.yaml:1: not valid YAML in column 9"),
        ('lr: 1\na: "\\U11111111"', "c.yaml:2: not valid YAML: "),
        ("a: 1\nb: \x01", "c.yaml:2: found the control character U+0001 in column 4; remove it"),
        (b"a: 1\nb: \0", "c.yaml:2: a NUL byte: this is a binary or UTF-16 file"),
        ("a: 1".encode("utf-16"), "c.yaml:1: a NUL byte"),
        (b"a: 1\nb: caf\xe9", "c.yaml:2: the byte 0xe9 is not UTF-8; save the file as UTF-8 text"),
        (b"\x89PNG\r\n\x1a\n\0", "c.yaml:3: a NUL byte"),
    ],
)
def test_refused_with_file_line_and_remedy(tmp_path: Path, content: str | bytes, said: str) -> None:
    assert refusal(tmp_path, content).startswith(said)


def test_tabs_are_named(tmp_path: Path) -> None:
    assert "use spaces, not tabs" in refusal(tmp_path, "\tsteps: 1")


def test_billion_laughs_stops_at_its_first_anchor(tmp_path: Path) -> None:
    laughs = "a0: &a0 [lol, lol]\n" + "".join(
        f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 12)
    )
    assert refusal(tmp_path, laughs).startswith("c.yaml:1: found the anchor '&a0'")


@pytest.mark.parametrize(
    "content",
    [
        "[" * 100_000,
        "a: " + "[" * 100_000,
        "{" * 100_000,
        "a: " + "{a: " * 100_000,
        "- " * 100_000,
        "? " * 100_000,
        "a: " * 100_000,
        "&a " * 100_000,
        "!a " * 100_000,
        "a: [" + "1," * 100_000 + "]",
        "a:\n" + "- 1\n" * 100_000,
    ],
    ids=lambda content: content[:6],
)
def test_deep_and_long_files_are_refused_at_once(tmp_path: Path, content: str) -> None:
    assert refusal(tmp_path, content).startswith("c.yaml:")


def test_size_is_capped(tmp_path: Path) -> None:
    assert load(tmp_path, "#" * MAX_BYTES).values == {}
    said = refusal(tmp_path, "#" * (MAX_BYTES + 1))
    assert said == "c.yaml has 1048577 bytes; a config file has at most 1048576."


def test_a_size_beyond_memory_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(RequestError, match="has 1099511627776 bytes"):
        load_config(path, KNOWN)


def test_number_of_values_is_capped(tmp_path: Path) -> None:
    seeds = ", ".join(str(seed) for seed in range(10_000))
    assert load(tmp_path, f"seeds: [{seeds}]").values["seeds"] == list(range(10_000))
    said = refusal(tmp_path, "".join(f"k{i}: 1\n" for i in range(MAX_VALUES)))
    assert said.startswith("c.yaml:10000: found more than 20000 keys and values")


def test_a_path_that_is_no_readable_file(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"c\.yaml does not exist; --config takes a YAML file"):
        load_config(tmp_path / "c.yaml", KNOWN)
    with pytest.raises(RequestError, match="is a folder; --config takes a YAML file"):
        load_config(tmp_path, KNOWN)
    with pytest.raises(RequestError, match="is not a regular file"):
        load_config(Path(os.devnull), KNOWN)
    with pytest.raises(RequestError, match="--config takes a YAML file"):
        load_config(tmp_path / "a\0b", KNOWN)
    with pytest.raises(RequestError, match="--config takes a YAML file"):
        load_config(tmp_path / ("x" * 5000), KNOWN)


def test_a_fifo_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(RequestError, match="is not a regular file"):
        load_config(tmp_path / "pipe", KNOWN)


def test_an_unreadable_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "c.yaml").write_text("steps: 1")

    def denied(*args: object, **kwargs: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)  # root reads everything, so chmod would not do
    with pytest.raises(RequestError, match=r"cannot be read \(Permission denied\)"):
        load_config(tmp_path / "c.yaml", KNOWN)


def test_unknown_keys_are_refused_on_request(tmp_path: Path) -> None:
    found = load(tmp_path, "steps: 1\nn-mx: 3\nzzz: 4\n")
    with pytest.raises(RequestError) as caught:
        refuse_unknown(found, KNOWN)
    first, second = str(caught.value).splitlines()
    assert first == f"{tmp_path}/c.yaml:2: 'n-mx' is no setting of this command. Did you mean 'n-max'?"
    assert second.startswith(f"{tmp_path}/c.yaml:3: 'zzz' is no setting of this command. Its keys are")
    refuse_unknown(found, (*KNOWN, "n_mx", "zzz"))
    refuse_unknown(load(tmp_path, "steps: 1"), KNOWN)


def test_the_documented_configs_are_shipped() -> None:
    assert {"article.yaml", "fashion_lt.yaml", "smoke.yaml"} <= set(SHIPPED)


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_configs_load(name: str) -> None:
    found = load_config(CONFIGS / name, ("dataset", "imbalance-ratio", "strategies", "seeds"))
    assert set(found.unknown) <= {"steps", "device", "profile", "n_max", "primary_metric"}
    assert f"imbench compare --config configs/{name}" in (CONFIGS / name).read_text()


def test_importing_the_module_is_cheap() -> None:
    code = "import sys, imbalance_bench.configfile as _; print([m for m in sys.modules if 'ruamel' in m])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


YAML_BITS = st.sampled_from(
    [
        *"[]{}:,-?&*!|>'\"%@`#~<=\\ \t\n\r\x85\u2028\ufeff",
        *(": ", "- ", "? ", "\n  ", "a", "1", "1.5", "<<", "---", "...", "&a ", "*a", "!!map "),
        *("\\U00110000", "null", "true", "steps", "steps: ", "\nlr: ", "%YAML 1.1", "|2+\n"),
    ]
)
TEXTS = st.one_of(st.text(max_size=60), st.lists(YAML_BITS, max_size=30).map("".join), st.binary(max_size=60))


@given(content=TEXTS)
@settings(max_examples=600, deadline=2000, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_arbitrary_files_are_read_or_refused(tmp_path: Path, content: str | bytes) -> None:
    data = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    try:
        found = load(tmp_path, data)
    except RequestError:
        return
    plain = (int, float, str, bool, type(None))
    for value in (*found.values.values(), *found.unknown.values()):
        assert all(type(item) in plain for item in (value if isinstance(value, list) else [value]))
    assert set(found.lines) == set(found.values) | set(found.unknown)
