"""From a request to the runs that it needs: strategies, seeds, device, keys; nothing is trained here."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib import metadata
from itertools import zip_longest
from pathlib import Path
from typing import Literal

from imbalance_bench.config import RunConfig, Settings
from imbalance_bench.data import registry as datasets
from imbalance_bench.data.source import Source, digest
from imbalance_bench.errors import RequestError
from imbalance_bench.experiments.materials import gather, positive_index
from imbalance_bench.experiments.record import FORMAT_VERSION
from imbalance_bench.experiments.store import Store
from imbalance_bench.models.names import check_name
from imbalance_bench.strategies.base import Strategy
from imbalance_bench.strategies.composite import parts_of
from imbalance_bench.strategies.registry import required_by, trained_part

# Chosen on validation for plain cross-entropy, so that no remedy gains by a weak baseline: docs/defaults.md.
DEFAULT_STEPS = 600
DEFAULT_LR = {"small-cnn": 2e-2}
OTHER_LR = 1e-3

DeviceType = Literal["cpu", "cuda", "mps"]


@dataclass(frozen=True)
class Arm:
    """One strategy of a comparison and the stored runs, one per seed, that its numbers come from."""

    strategy: Strategy
    configs: tuple[RunConfig, ...]


@dataclass(frozen=True)
class Plan:
    """All that a request needs.

    Attributes:
        waves: the different runs, seed by seed; a wave starts from runs of the waves before it only.
    """

    settings: Settings
    dataset: str
    class_names: tuple[str, ...]
    seeds: tuple[int, ...]
    device: DeviceType
    arms: tuple[Arm, ...]
    waves: tuple[tuple[RunConfig, ...], ...]


def dataset_list(settings: Settings) -> list[str]:
    """The data sets asked for, one or several, as written."""
    return datasets.split(settings.dataset)


def one_dataset(settings: Settings) -> str:
    """The data set asked for; RequestError where there are several."""
    names = dataset_list(settings)
    if len(names) > 1:
        raise RequestError(
            f"--dataset names {len(names)} data sets ({', '.join(names)}); only `imbench compare` takes "
            "several. Name one."
        )
    return names[0]


def plan_each(settings: Settings, strategies: Sequence[Strategy], *, default_seeds: int) -> list[Plan]:
    """A plan for each of several data sets; RequestError, with its name, where one can't be used."""
    check_name(settings.model)
    _refuse_unused(settings)
    plans: dict[str, Plan] = {}
    for name in dataset_list(settings):
        one = settings.model_copy(update={"dataset": name})
        with naming(name):
            planned = plan(one, strategies, default_seeds=default_seeds)
        if planned.dataset in plans:
            raise RequestError(f"--dataset names {planned.dataset} twice; keep one.")
        plans[planned.dataset] = planned
    return list(plans.values())


@contextmanager
def naming(dataset: str) -> Iterator[None]:
    """A refusal says of which data set it speaks."""
    try:
        yield
    except RequestError as error:
        said = str(error)
        raise RequestError(said if dataset in said else f"{dataset}: {said}") from None


def check_data(plans: Sequence[Plan]) -> None:
    """RequestError for data that can't be read, split or thinned as asked, before anything is trained.

    Tries the first run of each plan that is to be trained: what is refused hardly depends on the seed.
    """
    for planned in plans:
        store = Store(planned.settings.results)
        missing = (config for wave in planned.waves for config in wave if store.find(config) is None)
        if (config := next(missing, None)) is not None:
            with naming(planned.dataset):
                try:
                    gather(config)
                except RequestError:
                    raise
                except Exception:  # a fault is no refusal: the runs meet it too, and record it
                    continue


def together(plans: Sequence[Plan]) -> Plan:
    """All their runs as one plan, so that no worker waits while another data set has runs left."""
    waves = zip_longest(*(planned.waves for planned in plans), fillvalue=())
    return replace(
        plans[0],
        dataset=", ".join(planned.dataset for planned in plans),
        arms=tuple(arm for planned in plans for arm in planned.arms),
        waves=tuple(tuple(config for wave in level for config in wave) for level in waves),
    )


def plan(settings: Settings, strategies: Sequence[Strategy], *, default_seeds: int) -> Plan:
    """The arms and runs of a request; RequestError where a name, a class or the data can't be used."""
    check_name(settings.model)
    _refuse_unused(settings)
    source = datasets.create(one_dataset(settings), **settings.reading())
    source.ensure(settings.download)
    classes = source.class_names()
    positive_index(classes, settings.positive_class)
    seeds = settings.seed_list(default_seeds)
    device = resolve_device(settings.device)
    base = _base(settings, source, device)
    waves: list[dict[str, RunConfig]] = []
    arms = []
    for strategy in strategies:
        configs = []
        for seed in seeds:
            chain = _chain(strategy, {**base, "seed": seed})
            for depth, config in enumerate(chain):
                if depth == len(waves):
                    waves.append({})
                waves[depth][config.key()] = config
            configs.append(chain[-1])
        arms.append(Arm(strategy, tuple(configs)))
    ordered = tuple(
        tuple(sorted(wave.values(), key=lambda config: seeds.index(config.seed))) for wave in waves
    )
    return Plan(settings, source.spec(), classes, seeds, device, tuple(arms), ordered)


def _refuse_unused(settings: Settings) -> None:
    """RequestError for a setting that was given and could change nothing."""
    given = settings.model_fields_set
    if settings.imbalance_ratio is None:
        for name in ("n_max", "profile", "minority_fraction", "tail_order", "validation"):
            if name in given and getattr(settings, name) is not None:
                flag = name.replace("_", "-")
                raise RequestError(f"--{flag} needs --imbalance-ratio: without it the data are not thinned.")
    elif "minority_fraction" in given and settings.profile != "step":
        raise RequestError(
            f"--minority-fraction belongs to --profile step; this is {settings.profile}. Leave one out."
        )


def resolve_device(asked: str) -> DeviceType:
    """The device to train on; torch is asked only where a GPU may be present.

    Raises:
        RequestError: where the device that was asked for is not there.
    """
    if asked == "cpu" or (asked == "auto" and not _may_have_gpu()):
        return "cpu"
    import torch

    found: list[DeviceType] = []
    if torch.cuda.is_available():
        found.append("cuda")
    if torch.backends.mps.is_available():
        found.append("mps")
    if asked == "auto":
        return found[0] if found else "cpu"
    for device in found:
        if device == asked:
            return device
    raise RequestError(
        f"--device {asked}: this machine has {', '.join([*found, 'cpu'])}; `imbench info` tells more."
    )


def _may_have_gpu() -> bool:
    import sys

    files = ("/dev/nvidiactl", "/dev/nvidia0", "/dev/kfd", "/dev/dxg")
    return sys.platform in ("darwin", "win32") or any(Path(file).exists() for file in files)


def _base(settings: Settings, source: Source, device: DeviceType) -> dict[str, object]:
    shared = (
        "imbalance_ratio profile n_max minority_fraction tail_order validation positive_class model epochs "
        "batch_size schedule weight_decay augment vary"
    )
    steps = DEFAULT_STEPS if settings.steps is None and settings.epochs is None else settings.steps
    return {name: getattr(settings, name) for name in shared.split()} | {
        "format_version": FORMAT_VERSION,
        "data_fingerprint": source.fingerprint(),
        "dataset": source.spec(),
        "options": source.options(),
        "steps": steps,
        "lr": DEFAULT_LR.get(settings.model, OTHER_LR) if settings.lr is None else settings.lr,
        "device_type": device,
        "torch_version": _minor("torch"),
    }


def _chain(strategy: Strategy, fields: dict[str, object], after: tuple[str, ...] = ()) -> list[RunConfig]:
    """The run that `strategy` reads, last, after the runs that it starts from; `after`: who start from it."""
    trained = trained_part(strategy)
    if trained.spec in after:
        circle = " -> ".join([*after[after.index(trained.spec) :], trained.spec])
        raise RequestError(f"{trained.spec}: its requires leads back to itself: {circle}.")
    below = (*after, trained.spec)
    before = _chain(required_by(trained), fields, below) if trained.requires else []
    required = before[-1].key() if before else None
    own = {
        "strategy": trained.spec,
        "libraries": _libraries(trained),
        "requires_key": required,
    }
    return [*before, RunConfig.model_validate({**fields, **own})]


def _libraries(strategy: Strategy) -> str | None:
    """The packages that the strategy draws on, with versions, and the source of parts that are not ours.

    So a strategy that its author has changed is trained again. RequestError where a package is missing.
    """
    try:
        found = [f"{name} {_minor(name)}" for name in strategy.draws_on]
        foreign = [said for part in parts_of(strategy) if (said := _source(type(part)))]
        return ", ".join(dict.fromkeys([*found, *foreign])) or None
    except metadata.PackageNotFoundError as error:
        raise RequestError(
            f"{strategy.spec}: its draws_on names {error.name!r}, which is not installed."
        ) from None


def _source(cls: type[Strategy]) -> str | None:
    """The file that a strategy not of this package stands in, by a digest of its content; None for ours."""
    if cls.__module__.startswith("imbalance_bench."):
        return None
    try:
        return f"{cls.__module__} {digest(inspect.getsource(inspect.getmodule(cls) or cls))}"
    except (OSError, TypeError):  # typed at a prompt
        return None


def _minor(library: str) -> str:
    """The version of an installed library up to the second number: patches change no result."""
    return ".".join(metadata.version(library).split(".")[:2])
