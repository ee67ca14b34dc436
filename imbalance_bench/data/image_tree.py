"""Finds the image files below a folder: links followed, circles and editors' files left out and counted."""

from __future__ import annotations

import functools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from imbalance_bench.data.image_cache import Signature, signature
from imbalance_bench.data.image_source import printable
from imbalance_bench.errors import RequestError

USUAL = frozenset(
    f".{end}"
    for end in "bmp dib gif jfif jpe jpeg jpg pbm pgm png pnm ppm tif tiff webp".split()  # noqa: SIM905
)
"""Endings of images that need no question to Pillow, which takes a tenth of a second to load all formats."""
_SYSTEM = frozenset(
    (
        "thumbs.db",
        "desktop.ini",
        "__macosx",
        "__pycache__",
        "@eadir",
        "#recycle",
        "$recycle.bin",
        "system volume information",
        "lost+found",
    )
)


@dataclass
class Tree:
    """What stands below one folder.

    files: (name relative to the data set, path, signature or None where it can't be asked).
    ignored: names of what is not read, by kind: "hidden", "other" (no image by its ending), "circle" (a link
        back to a folder above), "broken" (a link to nothing, not named like an image).
    """

    files: list[tuple[str, str, Signature | None]] = field(default_factory=list)
    ignored: dict[str, list[str]] = field(default_factory=dict)

    def ignore(self, kind: str, name: str) -> None:
        """Count something that is not read."""
        self.ignored.setdefault(kind, []).append(printable(name))


def entries(folder: str, name: str, tree: Tree) -> list[os.DirEntry[str]]:
    """What stands in `folder`, in the order of code points, hidden things ignored.

    `name` is its own, relative to the data set. RequestError where it can't be read.
    """
    try:
        with os.scandir(folder) as found:
            listed = sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        raise RequestError(
            f"the folder {printable(folder)} can't be read: {error.strerror or error}. Make it readable, or "
            "move it away."
        ) from None
    shown = []
    for entry in listed:
        if is_hidden(entry.name):
            tree.ignore("hidden", inside(name, entry.name))
        else:
            shown.append(entry)
    return shown


def collect(folder: str, name: str, tree: Tree, above: tuple[str, ...] = ()) -> None:
    """Add all images in `folder` and below to the tree, in the order of their names.

    `above` holds the real paths of the folders that led here.
    """
    real = os.path.realpath(folder)
    if real in above:
        tree.ignore("circle", name)
        return
    for entry in entries(folder, name, tree):
        inner = inside(name, entry.name)
        if is_folder(entry):
            collect(entry.path, inner, tree, (*above, real))
        elif not is_image(entry.name):
            tree.ignore("broken" if _is_broken(entry) else "other", inner)
        elif _is_special(entry):
            tree.ignore("other", inner)
        else:
            tree.files.append((inner, entry.path, _signature(entry)))


def inside(folder: str, name: str) -> str:
    """The name of something in a folder, both relative to the data set, whose own name is empty."""
    return f"{folder}/{name}" if folder else name


def is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether it is a folder or a link to one."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def is_hidden(name: str) -> bool:
    """Whether editors, file managers or the system keep something for themselves under this name."""
    return name.startswith((".", "~$")) or name.endswith("~") or name.lower() in _SYSTEM


def is_image(name: str) -> bool:
    """Whether the ending is that of a format that is read, in upper or lower case."""
    ending = "." + name.rpartition(".")[2].lower()
    return ending in USUAL or ending in _endings()


@functools.cache
def _endings() -> frozenset[str]:
    from PIL import Image

    from imbalance_bench.data.decode import NOT_READ

    known = Image.registered_extensions()
    return frozenset(end for end, name in known.items() if name in Image.OPEN and name not in NOT_READ)


def ignored_notes(tree: Tree) -> Iterator[str]:
    """A sentence for each kind of thing that was not read."""
    for kind, one, many in (
        ("hidden", "hidden or system file or folder", "hidden or system files or folders"),
        ("other", "file that is no image by its ending", "files that are no images by their ending"),
        ("circle", "link back to a folder above", "links back to folders above"),
        ("broken", "link to nothing", "links to nothing"),
    ):
        if names := tree.ignored.get(kind):
            shown = ", ".join(names[:3]) + (", ..." if len(names) > 3 else "")
            yield f"{len(names)} {one if len(names) == 1 else many} ignored ({shown})."


def _signature(entry: os.DirEntry[str]) -> Signature | None:
    try:
        return signature(entry.stat())
    except OSError:
        return None


def _is_broken(entry: os.DirEntry[str]) -> bool:
    return entry.is_symlink() and not os.path.exists(entry.path)


def _is_special(entry: os.DirEntry[str]) -> bool:
    """A pipe, a socket or a device: reading it could wait for ever."""
    try:
        return not (entry.is_file() or _is_broken(entry))
    except OSError:
        return False
