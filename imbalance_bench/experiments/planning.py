"""From a request to the runs that it needs: strategies, seeds, device, keys; nothing is trained here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from imbalance_bench.config import RunConfig, Settings
from imbalance_bench.data import registry as datasets
from imbalance_bench.data.source import Source
from imbalance_bench.errors import RequestError
from imbalance_bench.experiments.materials import positive_index
from imbalance_bench.experiments.record import FORMAT_VERSION
from imbalance_bench.models.names import check_name
from imbalance_bench.strategies.base import Strategy
from imbalance_bench.strategies.registry import create, trained_part

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


def plan(settings: Settings, strategies: Sequence[Strategy], *, default_seeds: int) -> Plan:
    """The arms and runs of a request; RequestError where a name, a class or the data can't be used."""
    check_name(settings.model)
    _refuse_unused(settings)
    source = datasets.create(settings.dataset)
    source.ensure(settings.download)
    names = source.class_names()
    positive_index(names, settings.positive_class)
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
    return Plan(settings, source.spec(), names, seeds, device, tuple(arms), ordered)


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
    major, minor = metadata.version("torch").split(".")[:2]
    shared = (
        "imbalance_ratio profile n_max minority_fraction tail_order validation positive_class model epochs "
        "batch_size schedule weight_decay vary"
    )
    steps = DEFAULT_STEPS if settings.steps is None and settings.epochs is None else settings.steps
    return {name: getattr(settings, name) for name in shared.split()} | {
        "format_version": FORMAT_VERSION,
        "data_fingerprint": source.fingerprint(),
        "dataset": source.spec(),
        "steps": steps,
        "lr": DEFAULT_LR.get(settings.model, OTHER_LR) if settings.lr is None else settings.lr,
        "device_type": device,
        "torch_version": f"{major}.{minor}",
    }


def _chain(strategy: Strategy, fields: dict[str, object]) -> list[RunConfig]:
    """The run that `strategy` reads, last, after the runs that it starts from."""
    trained = trained_part(strategy)
    before = _chain(create(trained.requires), fields) if trained.requires else []
    required = before[-1].key() if before else None
    return [*before, RunConfig.model_validate({**fields, "strategy": trained.spec, "requires_key": required})]
