"""Builds one entry of the image cache: all files hashed and decoded from one reading."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from imbalance_bench.data import image_cache as cache
from imbalance_bench.data.decode import DEPTHS, Pixels, Seen, Size, survey
from imbalance_bench.data.decode_chunks import Outcome, Target, converted, fill, own_settings
from imbalance_bench.data.decode_pool import fill_all
from imbalance_bench.data.image_cache import Signature
from imbalance_bench.data.image_files import entry_key
from imbalance_bench.data.npy_rows import HEADER_BYTES, write_at, write_header
from imbalance_bench.data.progress import tell
from imbalance_bench.errors import RequestError

_PROBED = 64
_BLOCK_BYTES = 2**24


def build(
    folder: Path,
    alike: str,
    paths: Sequence[str],
    names: Sequence[str],
    signed: Sequence[Signature | None],
    channels: str,
    size: Size | None,
) -> str:
    """Decode `paths` in `folder` and let the entry appear; its key. Raises like `image_files.read_images`.

    The shape of the rows is guessed from the heads of a few files, and the files are decoded straight into
    place; where the guess proves too narrow (the 65th file is the first in colour) the rows are widened, and
    where it proves too wide (the only one in colour is cut short) they are decoded again.
    """
    file = folder / "images.npy"
    started = time.time_ns()
    target = _guess(str(file), paths, channels, size)
    outcomes = _decode(target, paths, signed)
    hashes = [None if outcome is None else outcome.digest for outcome in outcomes]
    cache.remember_hashes(paths, signed, hashes, started)
    if size is None:
        _refuse_sizes(target, outcomes, paths, names)
    seen = [outcome.seen if outcome is not None else None for outcome in outcomes]
    readable = [i for i, found in enumerate(seen) if found is not None]
    whole = [outcome for outcome in outcomes if outcome is not None]
    if not readable:
        raise RequestError(
            f"none of {len(paths)} images can be read; the first is {names[0]}: {whole[0].reason}."
        )
    wanted = _common(target, [found for found in seen if found is not None], names, seen)
    if _is_wider(target, wanted):  # by the head of a file that proved unreadable: nothing written is of use
        target, whole = target._replace(shape=None), [found._replace(written=False) for found in whole]
    if (wanted.shape, wanted.depth) != (target.shape, target.depth):
        target = _widened(target, wanted, whole)
    missing = [i for i in readable if not whole[i].written]
    _fill_missing(target, missing, paths, whole, names)
    images = _cut(file, target, readable)
    key = entry_key(alike, hashes)
    if cache.open_entry(key) is None:
        cache.publish(folder, key, _meta(images, target, whole))
    return key


def _guess(file: str, paths: Sequence[str], channels: str, size: Size | None) -> Target:
    """The narrowest rows that hold the files probed; a target without shape where none has a head."""
    probed: list[Seen] = []
    with own_settings():
        for i in np.unique(np.linspace(0, len(paths) - 1, _PROBED).astype(np.int64)):
            try:
                probed.append(survey(paths[i]))
            except Exception:  # as in decoding; what is wrong with it is told there
                continue
    if not probed:
        return Target(file, HEADER_BYTES, channels, size, None, 0)
    (height, width), _ = Counter(found.size for found in probed).most_common(1)[0]
    height, width = size or (height, width)
    n_channels = max(_channels(found, channels) for found in probed)
    target = Target(
        file, HEADER_BYTES, channels, size, (n_channels, height, width), max(found.depth for found in probed)
    )
    cache.reserve(Path(file), (len(paths), n_channels, height, width), DEPTHS[target.depth])
    return target


def _channels(seen: Seen, channels: str) -> int:
    return {"grey": 1, "rgb": 3}.get(channels, seen.channels)


def _decode(target: Target, paths: Sequence[str], signed: Sequence[Signature | None]) -> list[Outcome | None]:
    def told(done: int, found: Sequence[Outcome]) -> bool:
        tell("decoding images", done, len(paths))
        return target.size is not None or not any(_other_size(target, outcome) for outcome in found)

    n_bytes = sum(now[0] for now in signed if now is not None)
    with cache.writing(Path(target.file).parent.parent, len(paths) * target.row_bytes):
        return fill_all(target, paths, n_bytes, told)


def _other_size(target: Target, outcome: Outcome) -> bool:
    if outcome.seen is None:
        return False
    return target.shape is None or outcome.seen.size != target.shape[1:]


def _refuse_sizes(
    target: Target, outcomes: Sequence[Outcome | None], paths: Sequence[str], names: Sequence[str]
) -> None:
    """RequestError where the files have several sizes; those left undecoded are asked for their heads."""
    if all(outcome is not None and not _other_size(target, outcome) for outcome in outcomes):
        return
    sizes: Counter[Size] = Counter()
    example: dict[Size, str] = {}
    with own_settings():
        for outcome, path, name in zip(outcomes, paths, names, strict=True):
            try:
                found = survey(path) if outcome is None else outcome.seen
            except Exception:  # unreadable: not what this message is about
                continue
            if found is not None:
                sizes[found.size] += 1
                example.setdefault(found.size, name)
    if len(sizes) < 2:
        return
    most = "; ".join(
        f"{height} x {width} in {n} (as {example[height, width]})"
        for (height, width), n in sizes.most_common(2)
    )
    more = f"; and {len(sizes) - 2} more sizes" if len(sizes) > 2 else ""
    raise RequestError(
        f"the images have {len(sizes)} sizes (height x width): {most}{more}. Add --image-size, as "
        "--image-size 64 or --image-size 48x64, to resize them all on reading."
    )


def _common(
    target: Target, found: Sequence[Seen], names: Sequence[str], seen: Sequence[Seen | None]
) -> Target:
    """The target with the channels and the depth that hold all; RequestError where no depth does."""
    depths = {one.depth for one in found}
    if 2 in depths and len(depths) > 1:
        floats, whole = (
            [names[i] for i, one in enumerate(seen) if one is not None and (one.depth == 2) is wanted]
            for wanted in (True, False)
        )
        raise RequestError(
            f"{len(floats)} images hold floats or 32-bit numbers (as {floats[0]}) and {len(whole)} hold 8 or "
            f"16 bits (as {whole[0]}); floats have no fixed range, so there is no common scale. Save them "
            "all in one way."
        )
    n_channels = max(_channels(one, target.asked) for one in found)
    height, width = target.size or found[0].size
    return target._replace(shape=(n_channels, height, width), depth=max(depths))


def _is_wider(target: Target, wanted: Target) -> bool:
    """Whether rows of `target` can't be made into rows of `wanted` by more channels or more bits alone."""
    if target.shape is None or wanted.shape is None:
        return False
    other_size = target.shape[1:] != wanted.shape[1:]
    return other_size or target.shape[0] > wanted.shape[0] or target.depth > wanted.depth


def _widened(target: Target, wanted: Target, outcomes: Sequence[Outcome]) -> Target:
    """The rows written so far, copied to a new file with the channels and depth of `wanted`."""
    assert wanted.shape is not None
    file = Path(target.file)
    wider = wanted._replace(file=str(file.with_name("wider.npy")))
    cache.reserve(Path(wider.file), (len(outcomes), *wanted.shape), DEPTHS[wanted.depth])
    if target.shape is not None:
        rows = np.load(file, mmap_mode="r")
        step = max(1, _BLOCK_BYTES // wider.row_bytes)
        with cache.writing(file.parent.parent), Path(wider.file).open("r+b", buffering=0) as out:
            for first in range(0, len(rows), step):
                block = converted(rows[first : first + step], wanted.shape[0], wanted.depth)
                write_at(out.fileno(), HEADER_BYTES + first * wider.row_bytes, block)
        del rows
    with cache.writing(file.parent.parent):
        Path(wider.file).replace(file)
    return wider._replace(file=str(file))


def _fill_missing(
    target: Target,
    missing: Sequence[int],
    paths: Sequence[str],
    outcomes: Sequence[Outcome],
    names: Sequence[str],
) -> None:
    """Decode again, into place, the files that did not fit the rows when they were read."""
    for done, i in enumerate(missing, start=1):
        with cache.writing(Path(target.file).parent.parent):
            again = fill(target, i, [paths[i]])[0]
        if again.digest != outcomes[i].digest or not again.written:
            raise RequestError(f"{names[i]} changed while it was read; start again when it is settled.")
        if done % 64 == 0:
            tell("decoding images", done, len(missing))


def _cut(file: Path, target: Target, readable: Sequence[int]) -> Pixels:
    """The file with the rows of readable images only, closed up in place; mapped, for its checksums."""
    rows = np.lib.format.open_memmap(file, mode="r+")
    if len(readable) < len(rows):
        for place, i in enumerate(readable):
            if place != i:
                rows[place] = rows[i]
        shape = (len(readable), *rows.shape[1:])
        rows.flush()
        del rows  # Windows cuts no file that is mapped
        with cache.writing(file.parent.parent), file.open("r+b", buffering=0) as out:
            write_header(out.fileno(), shape, DEPTHS[target.depth])
            out.truncate(HEADER_BYTES + len(readable) * target.row_bytes)
        rows = np.lib.format.open_memmap(file, mode="r")
    return rows


def _meta(images: Pixels, target: Target, outcomes: Sequence[Outcome]) -> dict[str, object]:
    found = [(i, outcome.seen) for i, outcome in enumerate(outcomes) if outcome.seen is not None]
    sizes = Counter(seen.size for _, seen in found)
    return {
        "shape": list(images.shape),
        "dtype": str(images.dtype),
        "checks": cache.checks(images),
        "unreadable": [[i, outcome.reason] for i, outcome in enumerate(outcomes) if outcome.seen is None],
        "modes": Counter(seen.mode for _, seen in found),
        "sizes": [[*size, n] for size, n in sizes.items()],
        "frames": _counted([i for i, seen in found if seen.frames]),
        "reduced": _counted([i for i, seen in found if seen.reduced]),
        "scaled": _counted([i for i, seen in found if seen.depth < target.depth]),
    }


def _counted(rows: Sequence[int]) -> list[int]:
    """How many, and the first; empty for none."""
    return [len(rows), rows[0]] if rows else []
