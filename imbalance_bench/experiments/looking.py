"""A data set looked at as a request would use it: read, split, thinned, inspected. Trains nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from imbalance_bench.config import Settings
from imbalance_bench.data import registry
from imbalance_bench.data.dataset import ImageDataset, Rows
from imbalance_bench.data.image_source import ImageFileSource
from imbalance_bench.data.inspection import Inspection, grid, inspect
from imbalance_bench.data.source import Source
from imbalance_bench.errors import RequestError
from imbalance_bench.experiments.materials import load_and_split
from imbalance_bench.experiments.planning import one_dataset


def look(settings: Settings, save_grid: str | None = None) -> Inspection:
    """What there is to know of the data set of a request, for its first seed.

    `save_grid` names a PNG file for example images of each class. RequestError where the data or the file
    can't be used.
    """
    source = registry.create(one_dataset(settings), **settings.reading())
    if isinstance(source, ImageFileSource):  # what can't be read is told beside what can
        source = replace(source, skip_bad=True)
    source.ensure(settings.download)
    dataset, thinned = load_and_split(
        source,
        settings.imbalance_ratio,
        settings.profile,
        settings.n_max,
        settings.minority_fraction,
        settings.tail_order,
        settings.validation,
        settings.seed_list(1)[0],
    )
    if save_grid is not None:
        _refuse_own_file(Path(save_grid), source)
        _save(Path(save_grid), dataset, thinned.split.train)
    return inspect(dataset, thinned.split, source.file_facts())


def _refuse_own_file(path: Path, source: Source) -> None:
    """RequestError where the picture would take the place of one of the data set's images."""
    if not (isinstance(source, ImageFileSource) and path.exists()):
        return
    if any(Path(own).exists() and path.samefile(own) for own in source.listing.paths):
        raise RequestError(f"--save-grid {path} is an image of the data set; name another file.")


def _save(path: Path, dataset: ImageDataset, rows: Rows) -> None:
    from PIL import Image

    if path.suffix.lower() != ".png":
        raise RequestError(f"--save-grid {path}: the picture is a PNG; name a file that ends in .png.")
    try:
        Image.fromarray(grid(dataset, rows)).save(path, format="PNG")
    except OSError as error:
        raise RequestError(f"--save-grid {path} can't be written: {error.strerror or error}.") from None
