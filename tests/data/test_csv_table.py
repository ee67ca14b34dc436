"""`csv:PATH`: columns by name, every value as text, and refusals that name the line."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_images import grey, noise, save

from imbalance_bench.data import registry
from imbalance_bench.data.image_source import ImageFileSource
from imbalance_bench.data.split import make_split
from imbalance_bench.errors import RequestError

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with images 0.png to 9.png in `img`."""
    for i in range(10):
        save(tmp_path / "img" / f"{i}.png", noise(i, (4, 6)))
    return tmp_path


def table(root: Path, *lines: str, encoding: str = "utf-8") -> Path:
    path = root / "table.csv"
    path.write_bytes("\n".join(lines).encode(encoding))
    return path


def source(path: Path, **options: object) -> ImageFileSource:
    found = registry.create(f"csv:{path}", **options)
    assert isinstance(found, ImageFileSource)
    return found


def loaded(path: Path, **options: object) -> Any:
    return source(path, **options).load(None)


def refusal(path: Path, **options: object) -> str:
    with pytest.raises(RequestError) as refused:
        source(path, **options).ensure()
    return str(refused.value)


def test_paths_are_relative_to_the_table(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir("/")
    found = loaded(table(root, "path,label", "img/3.png,b", f"{root}/img/1.png,a", "./img/2.png,b"))
    assert found.class_names == ("a", "b")
    assert found.labels.tolist() == [1, 0, 1]
    np.testing.assert_array_equal(found.images[:, 0], [noise(i, (4, 6)) for i in (3, 1, 2)])
    assert list(found.row_names) == ["img/3.png", f"{root}/img/1.png", "./img/2.png"]
    assert (found.parts, found.groups, found.notes) == (None, None, ())


def test_every_value_is_text(root: Path) -> None:
    labels = ["NA", "None", "007", "7", "1.0", "", "true", '"a, b"', "日本", " padded "]
    lines = [f"img/{i}.png,{label}" for i, label in enumerate(labels) if label]
    found = loaded(table(root, "path,label", *lines))
    assert found.class_names == ("007", "1.0", "7", "NA", "None", "a, b", "padded", "true", "日本")


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_as_spreadsheets_write_it(root: Path, separator: str, encoding: str, end: str) -> None:
    rows = [
        ["id", "path", "label"],
        ["1", "img/0.png", "Katze, groß"],
        ["2", "img/1.png", "Hund; klein"],
        [""],
    ]
    text = end.join(separator.join(f'"{v}"' if " " in v else v for v in row) for row in rows)
    (root / "table.csv").write_bytes(text.encode(encoding))
    assert loaded(root / "table.csv").class_names == ("Hund; klein", "Katze, groß")


def test_columns_by_name(root: Path) -> None:
    path = table(root, "file,kind,set", "img/0.png,a,train", "img/1.png,b,training", "img/2.png,a,VALID")
    found = loaded(path, path_column="file", label_column="kind", split_column="set")
    assert {part: rows.tolist() for part, rows in found.parts.items()} == {"train": [0, 1], "val": [2]}
    assert loaded(path, path_column="file", label_column="kind").parts is None
    assert refusal(path, label_column="kind") == (
        f"{path} has no column 'path'; its columns are 'file', 'kind', 'set'. Name the column with "
        "--path-column."
    )
    assert "Did you mean 'kind'? Name the column with --label-column." in refusal(
        path, path_column="file", label_column="kinds"
    )
    assert "no column 'part'" in refusal(path, path_column="file", label_column="kind", split_column="part")
    twice = table(root, "path,label,label", "img/0.png,a,b")
    assert refusal(twice) == (
        f"{twice} has 2 columns 'label'; its columns are 'path', 'label', 'label'. Give each a name of its "
        "own. Name the column with --label-column."
    )


def test_a_null_character_names_no_file(root: Path) -> None:
    path = table(root, "path,label", "img/0.png,a", "img/\0.png,b")
    assert r"names 1 files that do not exist: line 3: img/\x00.png" in refusal(path)


def test_a_column_called_split_is_taken(root: Path) -> None:
    lines = ["img/0.png,a,train", "img/1.png,b,train", "img/2.png,a,testing", "img/3.png,b,val"]
    path = table(root, "path,label,split", *lines)
    found = loaded(path)
    assert {part: rows.tolist() for part, rows in found.parts.items()} == {
        "train": [0, 1],
        "val": [3],
        "test": [2],
    }
    assert list(found.parts) == ["train", "val", "test"]
    wrong = table(root, "path,label,split", *lines[:2], "img/2.png,a,holdout")
    assert refusal(wrong) == (
        f"{wrong}, line 4: the column 'split' holds 'holdout'; allowed: train, val, test (or training, "
        "valid, validation, testing)."
    )
    assert "line 3: the column 'split' holds ''" in refusal(
        table(root, "path,label,split", lines[0], "img/1.png,b,")
    )
    alone = table(root, "path,label,split", *lines[:2], "img/4.png,c,test")
    assert "class 'c' is found in test only" in refusal(alone)


def test_missing_files_by_line(root: Path) -> None:
    lines = [f"img/{i}.png,{'ab'[i % 2]}" for i in range(18)]
    path = table(root, "path,label", *lines)
    assert refusal(path) == (
        f"{path} names 8 files that do not exist: line 12: img/10.png; line 13: img/11.png; line 14: "
        "img/12.png; line 15: img/13.png; line 16: img/14.png and 3 more. Paths are relative to the table's "
        "folder. Put them right, or add --skip-bad to go on without them."
    )
    found = loaded(path, skip_bad=True)
    assert found.counts().tolist() == [5, 5]
    assert found.notes[0].startswith("8 unreadable images are left out (a 4, b 4): img/10.png: No such file")
    folder = table(root, "path,label", "img/0.png,a", "img,b")
    assert "img: Is a directory" in refusal(folder)


def test_damaged_files_by_class(root: Path) -> None:
    (root / "img" / "0.png").write_bytes(b"")
    path = table(root, "path,label", "img/0.png,a", "img/1.png,a", "img/2.png,b")
    assert "1 of 3 images can't be read (a 1): img/0.png: it is empty." in refusal(path)
    assert loaded(path, skip_bad=True).counts().tolist() == [1, 1]


def test_empty_values_by_line(root: Path) -> None:
    path = table(root, "path,label", "img/0.png,a", "img/1.png,", "", "img/2.png, ")
    assert refusal(path) == (
        f"{path}: the column 'label' is empty on lines 3, 5. Fill it in, or remove the row."
    )
    assert "'path' is empty on line 2" in refusal(table(root, "path,label", ",a"))
    grouped = table(root, "path,label,who", "img/0.png,a,x", "img/1.png,b,")
    assert "'who' is empty on line 3" in refusal(grouped, group_column="who")


def test_repeated_rows_are_read_once(root: Path) -> None:
    path = table(root, "path,label", "img/0.png,a", "img/1.png,b", "img/0.png,a", "./img/0.png,a")
    found = loaded(path)
    assert found.labels.tolist() == [0, 1]
    assert found.notes == ("2 rows name a file that an earlier row names too; each file is read once.",)


def test_one_image_with_two_labels_is_refused(root: Path) -> None:
    path = table(root, "path,label", "img/0.png,a", "img/1.png,b", "img/0.png,b")
    assert refusal(path) == (
        f"{path}, lines 2 and 4: img/0.png stands there with 'a' and with 'b' in the column 'label'. An "
        "image has one; keep one row."
    )
    parts = table(root, "path,label,split", "img/0.png,a,train", "img/1.png,b,train", "img/0.png,a,test")
    assert "with 'train' and with 'test' in the column 'split'" in refusal(parts)


def test_groups_by_column(root: Path) -> None:
    rows = [f"img/{i}.png,{'ab'[i % 2]},p{i // 2},{'train' if i < 7 else 'test'}" for i in range(10)]
    path = table(root, "path,label,patient,part", *rows)
    found = loaded(path, group_column="patient")
    assert found.groups.tolist() == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]
    split = make_split(found, np.random.default_rng(3))
    parts = [set(found.groups[part]) for part in (split.train, split.val, split.test)]
    assert sum(map(len, parts)) == len(set.union(*parts)) == 5
    given = loaded(path, group_column="patient", split_column="part")
    assert given.notes == (
        "1 of 5 groups stand in more than one of the given parts (p3): the test is easier than new groups "
        "would be.",
    )


def test_paths_written_on_windows(root: Path) -> None:
    assert loaded(table(root, "path,label", r"img\0.png,a", r"img\1.png,b")).counts().tolist() == [1, 1]


def test_tables_that_are_none(root: Path) -> None:
    assert "does not exist; wanted: a CSV file" in refusal(root / "none.csv")
    assert "is no file" in refusal(root / "img")
    (root / "table.csv").write_bytes(b"")
    assert "has no heading" in refusal(root / "table.csv")
    assert "a heading and no rows" in refusal(table(root, "path,label"))
    assert "line 3: 3 values for 2 columns" in refusal(
        table(root, "path,label", "img/0.png,a", "img/1.png,a,b")
    )
    assert "line 3: 1 values for 2 columns" in refusal(table(root, "path,label", "img/0.png,a", "img/1.png"))
    latin = table(root, "path,label", "img/0.png,a", "img/1.png,gr\xfcn", encoding="latin-1")
    assert "line 3: no text in UTF-8" in refusal(latin)
    assert "one class only, 'a'" in refusal(table(root, "path,label", "img/0.png,a", "img/1.png,a"))
    open_quote = table(root, "path,label", "img/0.png,a", '"img/1.png,b')
    assert "no row of a CSV file" in refusal(open_quote)


def test_reading_options_and_the_fingerprint(root: Path) -> None:
    save(root / "img" / "0.png", grey(5, (9, 9)))
    path = table(root, "path,label", "img/0.png,a", "img/1.png,b")
    assert "2 sizes" in refusal(path)
    found = loaded(path, image_size="3x2", channels="rgb")
    assert found.images.shape == (2, 3, 3, 2)
    first = source(path).fingerprint()
    assert source(path).fingerprint() == first
    table(root, "path,label", "img/0.png,b", "img/1.png,a")
    swapped = source(path).fingerprint()
    table(root, "path,label,x", "img/0.png,a,1", "img/1.png,b,2")
    assert source(path).fingerprint() == first
    assert source(path, group_column="x").fingerprint() not in (first, swapped)
    assert swapped != first


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes")
def test_pipes_and_devices_are_not_waited_for(root: Path) -> None:
    os.mkfifo(root / "pipe.png")
    path = table(root, "path,label", "img/0.png,a", "pipe.png,b")
    said = f"{path}, line 3: pipe.png is a pipe or a device; name a file."
    assert refusal(path) == refusal(path, skip_bad=True) == said
    with pytest.raises(RequestError, match=r"pipe.png is a pipe or a device"):
        registry.create(f"npz:{root / 'pipe.png'}").ensure()


def test_a_step_up_after_a_link_goes_where_the_link_leads(root: Path) -> None:
    (root / "link").symlink_to("img", target_is_directory=True)
    (root / "img" / "in").mkdir()
    (root / "far").symlink_to(root / "img" / "in", target_is_directory=True)
    path = table(root, "path,label", "far/../0.png,a", "link/../img/1.png,b", "img/../img/1.png,b")
    assert len(loaded(path).labels) == 2
