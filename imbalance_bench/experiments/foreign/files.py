"""Reads npz files, and leaves csv files to their own module."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from imbalance_bench.data.archives import DAMAGED
from imbalance_bench.errors import RequestError
from imbalance_bench.experiments.foreign.raw import NAMES, Raw, known_arrays, of_name, strategy_and_seed
from imbalance_bench.experiments.foreign.table import read_csv


def read_file(path: Path, groups: str | None) -> list[Raw]:
    """The strategies and seeds in an npz or csv file.

    `groups` names the csv column (or npz array) whose values are kept together, "none" for no groups; None
    takes `group` (`test_groups`) where it is there. RequestError where the file can't be read.
    """
    kind = path.suffix.lower()
    if kind not in (".npz", ".csv"):
        raise RequestError(f"{path}: found a name in {kind or 'no suffix'!r}; allowed: .npz and .csv.")
    try:
        if path.is_dir():
            raise RequestError(f"{path} is a folder; name the files in it.")
        if not path.stat().st_size:
            raise RequestError(f"{path} is empty; write the predictions again.")
        return _read_npz(path, groups) if kind == ".npz" else read_csv(path, groups)
    except FileNotFoundError:
        raise RequestError(f"there is no file {path}.") from None
    except OSError as error:
        raise RequestError(f"{path} can't be read ({error.strerror or error}).") from None
    except ValueError as error:
        if isinstance(error, RequestError) or "null byte" not in str(error):
            raise
        raise RequestError(f"{str(path)!r} is no name of a file: it holds a null character.") from None


def _read_npz(path: Path, groups: str | None) -> list[Raw]:
    try:
        with path.open("rb") as file:
            stored = np.load(file, allow_pickle=False)
            if not isinstance(stored, np.lib.npyio.NpzFile):
                raise RequestError(
                    f"{path} holds a single array; np.savez makes a file of several named ones."
                )
            with stored:
                wanted = {*NAMES, groups, f"test_{groups}"}
                arrays = {name: stored[name] if name in wanted else None for name in stored.files}
    except RequestError:
        raise
    except ValueError as error:
        raise RequestError(
            f"{path} holds Python objects or is no npz file ({error}); objects are never loaded: write "
            "numbers and text, as np.savez(path, test_labels=..., test_logits=...) does."
        ) from None
    except DAMAGED as error:
        raise RequestError(
            f"{path} is not a whole npz file ({type(error).__name__}); write it again."
        ) from None
    known, unread = known_arrays(str(path), arrays, groups)
    strategy, seed = of_name(path.stem)
    for name in ("strategy", "seed"):
        if name in known and known[name].size != 1:
            raise RequestError(f"{path}: {name} holds {known[name].size} values; one is needed.")
    if "strategy" in known:
        strategy = known.pop("strategy").item()
    if "seed" in known:
        seed = known.pop("seed").item()
    return [Raw(str(path), *strategy_and_seed(str(path), strategy, seed), known, unread)]
