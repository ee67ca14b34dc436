"""What run.json holds, and the checks that tell a whole run from a damaged one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from imbalance_bench.config import RunConfig
from imbalance_bench.data.archives import DAMAGED
from imbalance_bench.errors import RequestError

FORMAT_VERSION = 5
FILES = ("per_class.csv", "history.csv", "predictions.npz", "hardest.npz", "weights.safetensors")


class DamagedError(ValueError):
    """A run's folder is there, but what it holds is not a whole run of this format; says why."""


class Record(TypedDict):
    """The content of run.json."""

    format_version: int
    status: str
    key: str
    group: str
    config: dict[str, Any]
    versions: dict[str, str]
    device: str
    class_names: list[str]
    class_counts: list[int]
    sampled_counts: list[float]
    class_order: list[int]
    positive_class: str | None
    effective_prior: list[float]
    loss_factors: list[float] | None
    optimizer_steps: int
    samples_seen: int
    distinct_rows: int
    passes: float
    class_passes: list[float]
    split_hash: str
    test_part: Literal["drawn", "given", "split"]
    initial_weights_hash: str
    notes: list[str]
    data_notes: list[str]
    train_seconds: float
    metrics: dict[str, float | None]


@cache
def _adapter() -> TypeAdapter[Record]:
    return TypeAdapter(Record)


def read_record(folder: Path) -> Record | None:
    """The record of the run in `folder`; None where there is no run.json.

    Raises:
        DamagedError: where it, or one of the run's files, is not as a finished run leaves it.
        RequestError: where it can't be read for want of permission and the like.
    """
    path = folder / "run.json"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError as error:
        raise unreadable(path, error) from None
    except (ValueError, RecursionError):
        raise DamagedError("run.json is not JSON") from None
    if not isinstance(content, dict) or content.get("format_version") != FORMAT_VERSION:
        raise DamagedError(f"run.json is not of format {FORMAT_VERSION}")
    try:
        record = _adapter().validate_python(content)
        config = RunConfig.model_validate(record["config"])
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"]))
        raise DamagedError(f"run.json: {where} is missing or wrong") from None
    if folder.name != f"seed-{config.seed}-{config.key()}" or record["group"] != config.group():
        raise DamagedError("the folder's name does not fit its run.json")
    n = len(record["class_names"])
    by_class = [
        record[k]
        for k in ("class_counts", "sampled_counts", "class_order", "effective_prior", "class_passes")
    ]
    counts, prior = record["class_counts"], record["effective_prior"]
    possible = min(counts, default=0) >= 1 and min(prior, default=-1.0) >= 0 and 0 < sum(prior) < np.inf
    named = record["positive_class"] is None or record["positive_class"] in record["class_names"]
    if (
        record["status"] != "completed"
        or not (named and possible)
        or any(len(values) != n for values in by_class)
    ):
        raise DamagedError("run.json does not describe a finished run")
    missing = [name for name in FILES if not (folder / name).is_file()]
    if missing:
        raise DamagedError(f"{missing[0]} is missing")
    return record


def read_predictions(path: Path, n_classes: int) -> Mapping[str, NDArray[Any]]:
    """`{val,test}_{logits,labels,rows}` of a run, checked; errors as in `read_record`.

    Where the data set knows it, `{val,test}_log_likelihood` (n, C) too; where it has groups, `test_groups`.
    """
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            found = {
                f"{part}_{what}": stored[f"{part}_{what}"]
                for part in ("val", "test")
                for what in ("logits", "labels", "rows", "log_likelihood")
                if what != "log_likelihood" or f"{part}_{what}" in stored
            } | {name: stored[name] for name in ("test_groups",) if name in stored}
    except DAMAGED as error:
        raise DamagedError(f"{path.name} is not whole ({type(error).__name__})") from None
    except OSError as error:
        raise unreadable(path, error) from None
    if "test_groups" in found and found["test_groups"].shape != found["test_labels"].shape:
        raise DamagedError(f"{path.name}: the groups do not fit the test part")
    for part in ("val", "test"):
        logits, labels, rows = (found[f"{part}_{what}"] for what in ("logits", "labels", "rows"))
        known = found.get(f"{part}_log_likelihood", logits)
        fits = (
            logits.shape == known.shape == (len(labels), n_classes)
            and labels.shape == rows.shape == (len(labels),)
            and known.dtype.kind == "f"
        )
        if not fits or not len(labels) or logits.dtype.kind != "f" or labels.dtype.kind != "i":
            raise DamagedError(f"{path.name}: the {part} part's shapes do not fit")
        finite = np.isfinite(logits).all() and np.isfinite(known).all()
        if not finite or labels.min() < 0 or labels.max() >= n_classes:
            raise DamagedError(f"{path.name}: the {part} part holds values that no run leaves")
    return found


def check_weights(path: Path) -> None:
    """DamagedError where the file of weights is not whole."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="numpy") as weights:
            if "head.weight" not in weights.keys():  # noqa: SIM118  (not a mapping)
                raise DamagedError(f"{path.name} holds no head")
    except SafetensorError:
        raise DamagedError(f"{path.name} is not whole") from None
    except OSError as error:
        raise unreadable(path, error) from None


def unreadable(path: Path, error: OSError) -> RequestError:
    """The refusal for a file that may be whole but can't be read now."""
    return RequestError(f"{path} can't be read ({error.strerror}); see to its permissions and try again.")
