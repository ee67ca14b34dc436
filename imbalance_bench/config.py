"""The whole request and the whole stored run as validated models; the key that a stored run goes by.

`Settings` is what a `run` or `compare` may say (field names are the flags without dashes); `RunConfig` is
everything that the numbers of one training depend on. Equal experiments have equal keys.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from imbalance_bench.configfile import LoadedConfig
from imbalance_bench.errors import RequestError, nearest, shown
from imbalance_bench.fields import (
    MAX_COUNT,
    MAX_SEED,
    MAX_STEPS,
    Augment,
    Datasets,
    File,
    Flag,
    Profile,
    Real,
    Schedule,
    Seeds,
    Spec,
    Specs,
    TailOrder,
    Text,
    Validation,
    Vary,
    Whole,
    allowed,
    parse_seeds,
    real,
    whole,
)

__all__ = ["RunConfig", "Settings", "merge", "parse_seeds"]

READING = (
    "image_size",
    "channels",
    "layout",
    "path_column",
    "label_column",
    "split_column",
    "group_column",
    "group_pattern",
    "skip_bad",
)
"""The settings that say how a data source reads its files: parameters of the sources that have them."""
_PAIRS = (("steps", "epochs"), ("seed", "seeds"))
_THINNING = ("profile", "n_max", "minority_fraction", "tail_order", "validation")


class Settings(BaseModel):
    """Everything that a `run` or `compare` can be asked for; the field names are the flags without dashes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dataset: Datasets = "synthetic"
    image_size: Text | None = None
    channels: Literal["auto", "grey", "rgb"] | None = None
    layout: Literal["auto", "hwc", "chw"] | None = None
    path_column: Text | None = None
    label_column: Text | None = None
    split_column: Text | None = None
    group_column: Text | None = None
    group_pattern: Text | None = None
    skip_bad: Flag = False
    imbalance_ratio: Real | None = real(None, ge=1)
    profile: Profile = "exp"
    n_max: Whole | None = whole(None, ge=1, le=MAX_COUNT)
    minority_fraction: Real = real(0.5, gt=0, lt=1)
    tail_order: TailOrder = "random"
    validation: Validation = "thinned"
    test_prior: Literal["dataset", "train", "uniform"] = "dataset"
    positive_class: Text | None = None
    strategy: Spec | None = None
    strategies: Specs | None = None
    model: Text = "small-cnn"
    steps: Whole | None = whole(None, ge=1, le=MAX_STEPS)
    epochs: Real | None = real(None, gt=0, le=100_000)
    batch_size: Whole = whole(64, ge=2, le=65_536)
    lr: Real | None = real(None, gt=0)
    schedule: Schedule = "one-cycle"
    weight_decay: Real = real(1e-2, ge=0)
    augment: Augment | None = None
    seed: Whole | None = whole(None, ge=0, le=MAX_SEED)
    seeds: Seeds | None = None
    vary: Vary = "all"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    workers: Whole | None = whole(None, ge=0, le=4096)
    backend: Literal["loky"] = "loky"
    results: File = Path("results")
    primary_metric: Text | None = None
    target_recall: Real | None = real(None, gt=0, le=1)
    cost_fn: Real | None = real(None, gt=0)
    cost_fp: Real | None = real(None, gt=0)
    prevalence: Real | None = real(None, gt=0, lt=1)
    format: Literal["terminal", "markdown", "csv", "json"] = "terminal"
    output: File | None = None
    quiet: Flag = False
    download: Flag = False

    @model_validator(mode="after")
    def _one_of_each_pair(self) -> Settings:
        for one, other in _PAIRS:
            if getattr(self, one) is not None and getattr(self, other) is not None:
                raise ValueError(f"{one} and {other} exclude each other; give one of them.")
        return self

    def reading(self) -> dict[str, object]:
        """Those of `READING` that were given."""
        return {name: v for name in READING if (v := getattr(self, name)) not in (None, False)}

    def seed_list(self, default: int) -> tuple[int, ...]:
        """The seeds asked for; 0 to `default` - 1 where the request names none."""
        if self.seed is not None:
            return (self.seed,)
        return self.seeds if self.seeds is not None else tuple(range(default))


def merge(config: LoadedConfig | None, flags: Mapping[str, object]) -> Settings:
    """The settings of a request: the flags that the user gave (None: not given) over those of the file.

    RequestError lists every refused value, one a line, by `FILE:LINE: key` or `--flag`.
    """
    on_line = {name.replace("-", "_"): value for name, value in flags.items() if value is not None}
    where = {name: f"--{name.replace('_', '-')}" for name in on_line}
    taken = set(on_line) | {b for pair in _PAIRS for a, b in (pair, pair[::-1]) if a in on_line}
    values = dict(on_line)
    for name, value in (config.values if config else {}).items():
        optional = name in Settings.model_fields and Settings.model_fields[name].default is None
        if config and name not in taken and not (value is None and optional):
            values[name] = value
            where[name] = f"{config.where(name)}: {name.replace('_', '-')}"
    said = []
    for one, other in _PAIRS:
        if one in values and other in values:
            said.append(f"{where[one]} and {where[other]} exclude each other; give one of them.")
    try:
        if not said:
            return Settings.model_validate(values)
        Settings.model_validate({n: v for n, v in values.items() if n not in dict(_PAIRS)})
    except ValidationError as error:
        said += [_complaint(detail, values, where) for detail in error.errors(include_url=False)]
    raise RequestError("\n".join(said))


def _complaint(detail: Any, values: Mapping[str, object], where: Mapping[str, str]) -> str:
    """One of pydantic's errors as a line for the person who wrote the value."""
    name = str(detail["loc"][0])
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, RequestError):
        return f"{where[name]}: {cause}"
    if name not in Settings.model_fields:
        near = nearest(name, Settings.model_fields).replace("_", "-")
        return f"{where[name]}: there is no such setting.{near}"
    wanted = allowed(Settings.model_fields[name])
    return f"{where[name]}: found {shown(values[name])}, allowed: {wanted}."


OF_A_STRATEGY = {"strategy", "libraries", "requires_key"}
"""What differs between the strategies of one comparison."""


class RunConfig(BaseModel):
    """Everything that one stored run depends on; whatever does not change its numbers has no place here.

    `options` are the data source's parameters that its spec can't hold.
    `libraries` are those that the strategy itself draws on, with their versions: "name 1.2, other 3.4".
    What an experiment does not use is set to None first: without `imbalance_ratio` nothing is thinned, and
    `minority_fraction` belongs to the profile `step`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    format_version: Whole = whole(..., ge=1)
    data_fingerprint: Text
    dataset: Text
    options: dict[str, str] = Field(default_factory=dict)
    imbalance_ratio: Real | None = real(..., ge=1)
    profile: Profile | None
    n_max: Whole | None = whole(..., ge=1)
    minority_fraction: Real | None = real(..., gt=0, lt=1)
    tail_order: TailOrder | None
    validation: Validation | None
    strategy: Spec
    libraries: Text | None = None
    requires_key: str | None = Field(None, pattern=r"^[0-9a-f]{12}$")
    positive_class: Text | None
    model: Text
    steps: Whole | None = whole(..., ge=1)
    epochs: Real | None = real(..., gt=0)
    batch_size: Whole = whole(..., ge=1)
    lr: Real = real(..., gt=0)
    schedule: Schedule
    weight_decay: Real = real(..., ge=0)
    augment: Augment | None = None
    precision: Literal["float32"] = "float32"
    seed: Whole = whole(..., ge=0, le=MAX_SEED)
    vary: Vary
    device_type: Literal["cpu", "cuda", "mps"]
    torch_version: str = Field(pattern=r"^[0-9]+\.[0-9]+$")

    @model_validator(mode="before")
    @classmethod
    def _unused_is_none(cls, data: Any) -> Any:
        if not isinstance(data, Mapping):
            return data
        if data.get("imbalance_ratio") is None:
            return {**data, **dict.fromkeys(_THINNING)}
        return dict(data) if data.get("profile") == "step" else {**data, "minority_fraction": None}

    @model_validator(mode="after")
    def _is_whole(self) -> RunConfig:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError("a run has either steps or epochs, and the other is None.")
        needed = {"profile", "tail_order", "validation"} if self.imbalance_ratio is not None else set()
        needed |= {"minority_fraction"} if self.profile == "step" else set()
        if missing := sorted(name for name in needed if getattr(self, name) is None):
            raise ValueError(f"a thinned run needs {', '.join(missing)}.")
        return self

    def key(self) -> str:
        """Twelve hex digits that name the stored run: equal experiments, equal keys."""
        return _digest(self.model_dump())

    def group(self) -> str:
        """The same over all but strategy, its required run and seed: runs comparable with each other."""
        return _digest(self.model_dump(exclude=OF_A_STRATEGY | {"seed"}))


def _digest(fields: Mapping[str, object]) -> str:
    """First 48 bits of SHA-256 over canonical JSON: sorted keys, no spaces, floats that read back exactly."""
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode("ascii")).hexdigest()[:12]
