"""`folder:PATH`: images in one folder for each class, with or without train, val and test above them."""

from __future__ import annotations

import os
import re
import unicodedata
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from imbalance_bench.data.image_source import (
    PART_WORDS,
    ImageFileSource,
    Listing,
    examples,
    existing,
    printable,
    refuse_untrained,
    sorted_labels,
)
from imbalance_bench.data.image_tree import (
    Tree,
    collect,
    entries,
    ignored_notes,
    inside,
    is_folder,
    is_image,
)
from imbalance_bench.errors import RequestError
from imbalance_bench.params import param

_LAYOUT = "wanted: PATH/CLASS/image.png, or PATH/train/CLASS/image.png with val and test beside train"


@dataclass(frozen=True)
class Folder(ImageFileSource):
    """`PATH/CLASS/*`, or `PATH/{train,val,test}/CLASS/*`; files in folders below a class belong to it.

    The folders are parts where all of them are called so (train, training; val, valid, validation; test,
    testing; in any case) and train is among them; else they are classes. A class is known by its folder's
    name, the same in every part, and classes are in the order of code points: 10 before 9.
    """

    name = "folder"
    summary = "your own images, in one folder for each class, or in train, val and test above those"

    group_pattern: str | None = param(
        None,
        kind="text",
        words=("none",),
        help="regular expression, searched in each image's path below PATH; its first group (else the whole "
        "match) names what must not be split between parts, as the patient",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        self._pattern()

    def list_files(self) -> Listing:
        """The image files by part and class; RequestError for a layout that is none."""
        root = existing(self.path)
        if not os.path.isdir(root):  # Path.is_dir raises where it may not look
            what = "is no folder" if os.path.lexists(root) else "does not exist"
            raise RequestError(f"{printable(str(root))} {what}; {_LAYOUT}.")
        tree = Tree()
        top = _folders_in(str(root), "", tree)
        if not top:
            raise RequestError(f"{printable(str(root))} holds no class folders; {_LAYOUT}.")
        parts = _parts(top, root)
        notes: list[str] = []
        if parts is None:
            classes, empty = _classes(top, "", tree, root)
            if not classes:
                raise RequestError(
                    f"{printable(str(root))} holds no images in its folders {examples(empty)}; {_LAYOUT}."
                )
            _refuse_empty(empty, tree)
            _refuse_parts(top, tree, root)
            notes += _parts_below(tree)
            called = sorted({entry.name for entry in top if entry.name.lower() in PART_WORDS})
            if called:
                notes.append(f"{examples(called)} read as classes, since not all folders are parts.")
            part_of: list[str] | None = None
        else:
            classes, part_of = [], []
            unused: list[str] = []
            for part, entry in parts.items():
                inner = _folders_in(entry.path, entry.name, tree)
                found, empty = _classes(inner, entry.name, tree, root)
                if not found:
                    raise RequestError(
                        f"{printable(entry.path)} holds no class folders with images. Fill it, or remove it"
                        + (f"; {_LAYOUT}." if part == "train" else " (the part is then drawn from train).")
                    )
                if part == "train":
                    _refuse_empty(empty, tree)
                unused += empty
                classes += found
                part_of += [part] * len(found)
            notes += [f"{name} holds no images: the class has no rows in that part." for name in unused]
        names = [printable(name) for name, _, _ in tree.files]
        class_names, labels = sorted_labels(classes, printable(str(root)))
        listing = Listing(
            [path for _, path, _ in tree.files],
            names,
            labels,
            class_names,
            part_of,
            self._groups(names),
            [signature for _, _, signature in tree.files],
            tree.ignored,
            (*notes, *ignored_notes(tree)),
        )
        refuse_untrained(listing, printable(str(root)))
        return listing

    def _pattern(self) -> re.Pattern[str] | None:
        try:
            with warnings.catch_warnings():  # of what a later Python may read in another way
                warnings.simplefilter("ignore", FutureWarning)
                return None if self.group_pattern is None else re.compile(self.group_pattern)
        except (re.error, OverflowError, RecursionError) as error:
            raise RequestError(
                f"group_pattern {self.group_pattern!r} is no regular expression: {error}. "
                r"For p07_3.png of patient p07, write (p\d+)_."
            ) from None

    def _groups(self, names: Sequence[str]) -> list[str] | None:
        if (pattern := self._pattern()) is None:
            return None
        found = [_group(pattern, name) for name in names]
        missed = [name for name, group in zip(names, found, strict=True) if group is None]
        if missed:
            raise RequestError(
                f"group_pattern {self.group_pattern!r} is not found in {len(missed)} of {len(names)} paths: "
                f"{examples(missed)}. It must be found in every path below the data set's folder."
            )
        return [group for group in found if group is not None]


def _group(pattern: re.Pattern[str], name: str) -> str | None:
    match = pattern.search(name)
    if match is None:
        return None
    return match.group(1) if pattern.groups else match.group(0)


def _folders_in(folder: str, name: str, tree: Tree) -> list[os.DirEntry[str]]:
    """The folders that stand for parts or classes; RequestError for images beside them."""
    listed = entries(folder, name, tree)
    images = [entry.name for entry in listed if not is_folder(entry) and is_image(entry.name)]
    if images:
        raise RequestError(
            f"{printable(folder)} holds {len(images)} images outside any class folder "
            f"({examples([printable(image) for image in images], 3)}); each image's class is the folder that "
            f"it lies in. Move them: {_LAYOUT}."
        )
    for entry in listed:
        if not is_folder(entry):
            tree.ignore("other", inside(name, entry.name))
    return [entry for entry in listed if is_folder(entry)]


def _parts(top: Sequence[os.DirEntry[str]], root: Path) -> dict[str, os.DirEntry[str]] | None:
    """The folder of each part, in the order train, val, test; None where the folders are classes."""
    found: dict[str, list[os.DirEntry[str]]] = {"train": [], "val": [], "test": []}
    for entry in top:
        if entry.name.lower() not in PART_WORDS:
            return None
        found[PART_WORDS[entry.name.lower()]].append(entry)
    if not found["train"]:
        return None
    for part, several in found.items():
        if len(several) > 1:
            raise RequestError(
                f"{printable(str(root))} holds {examples([entry.name for entry in several])}, which all "
                f"mean {part}. Keep one."
            )
    return {part: one[0] for part, one in found.items() if one}


def _refuse_parts(top: Sequence[os.DirEntry[str]], tree: Tree, root: Path) -> None:
    """RequestError where folders called as parts hold class folders, as parts do, yet can't be parts."""
    called = [entry.name for entry in top if entry.name.lower() in PART_WORDS]
    parts = {PART_WORDS[name.lower()] for name in called}
    if len(parts) < 2 and "train" not in parts:
        return
    if any(name.split("/")[0] in called and name.count("/") < 2 for name, _, _ in tree.files):
        return
    others = [printable(entry.name) for entry in top if entry.name not in called]
    why = f"beside them {examples(others)}. Move that away" if others else "no train. Add it"
    raise RequestError(
        f"{printable(str(root))} holds {examples(sorted(called))} with folders for classes inside, and {why}"
        f"; {_LAYOUT}."
    )


def _parts_below(tree: Tree) -> Iterator[str]:
    """A sentence where folders below the classes are called as parts: they are not read as such."""
    inner = {name.split("/")[1] for name, _, _ in tree.files if name.count("/") > 1}
    found = sorted(name for name in inner if name.lower() in PART_WORDS)
    if len({PART_WORDS[name.lower()] for name in found}) > 1:
        yield (
            f"{examples([printable(name) for name in found])} inside class folders are not read as parts, "
            "which stand above the classes: PATH/train/CLASS."
        )


def _classes(
    folders: Sequence[os.DirEntry[str]], above: str, tree: Tree, root: Path
) -> tuple[list[str], list[str]]:
    """The class of each file that was added to the tree, and the folders without images, by name."""
    classes: list[str] = []
    empty = []
    for entry in folders:
        before = len(tree.files)
        name = inside(above, entry.name)
        collect(entry.path, name, tree, (os.path.realpath(root),))
        # One file system composes accents, another takes them apart: the name is the same.
        called = printable(unicodedata.normalize("NFC", entry.name))
        classes += [called] * (len(tree.files) - before)
        if len(tree.files) == before:
            empty.append(printable(name))
    return classes, empty


def _refuse_empty(empty: Sequence[str], tree: Tree) -> None:
    if not empty:
        return
    holds = [name for names in tree.ignored.values() for name in names if name.startswith(f"{empty[0]}/")]
    raise RequestError(
        f"{len(empty)} class folder{'s hold' if len(empty) > 1 else ' holds'} no images: {examples(empty)}"
        + (f" (only {examples(holds, 3)})" if holds else "")
        + ". A class needs training images: add some, or remove the folder."
    )
