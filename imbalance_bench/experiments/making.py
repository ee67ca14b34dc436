"""Trains one run and writes it to the store, whole."""

from __future__ import annotations

import contextlib
import platform
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from imbalance_bench._version import __version__
from imbalance_bench.config import RunConfig
from imbalance_bench.experiments.materials import Materials, gather
from imbalance_bench.experiments.parts import PER_CLASS
from imbalance_bench.experiments.record import FORMAT_VERSION, Record
from imbalance_bench.experiments.scoring import score_untouched, softmax_loss
from imbalance_bench.experiments.seeds import generator, torch_seed
from imbalance_bench.experiments.store import Store, write_csv, write_json
from imbalance_bench.models.names import MODELS
from imbalance_bench.strategies.base import Context, Strategy
from imbalance_bench.strategies.checked import Checked
from imbalance_bench.strategies.registry import create

if TYPE_CHECKING:
    import torch

    from imbalance_bench.models.classifier import Classifier
    from imbalance_bench.training.loop import Trained

HARDEST = 16
SENT_ROWS = 4096
RECORDED = ("numpy", "scikit-learn", "imbalanced-learn", "torch", "torchvision")


@dataclass(frozen=True, eq=False)
class _Result:
    model: Classifier
    initial_hash: str
    earlier: Record | None
    trained: Trained
    predictions: Mapping[str, NDArray[Any]]


def make(config: RunConfig, store: Store) -> None:
    """Train the run of `config` and store it; the caller holds its lock.

    Raises:
        RequestError: where the strategy or the protocol refuses the data, before any training.
        FaultyError: where the strategy does what none may.
        DivergedError, RuntimeError: where training fails.
    """
    materials = gather(config)
    strategy = Checked(create(config.strategy))
    context = materials.context(config.positive_class)
    strategy.check(context)
    result = _train(config, store, materials, strategy, context)
    record = _record(config, materials, strategy, context, result)
    scores = score_untouched(record, result.predictions)
    record["metrics"] = {name: None if np.isnan(v) else v for name, v in scores.summary.items()}

    def fill(folder: Path) -> None:
        from safetensors.torch import save_file

        state = {name: value.detach().cpu().contiguous() for name, value in result.model.state_dict().items()}
        save_file(state, folder / "weights.safetensors")
        _save_arrays(folder / "predictions.npz", result.predictions)
        _save_arrays(folder / "hardest.npz", _hardest(materials, result.predictions))
        write_csv(
            folder / "history.csv", ("step", "loss", "lr"), [tuple(row) for row in result.trained.history]
        )
        table = [tuple(None if v != v else v for v in map(row.get, PER_CLASS)) for row in scores.per_class]
        write_csv(folder / "per_class.csv", PER_CLASS, table)
        write_json(folder / "run.json", record)

    store.write(config, fill)


def check_model(config: RunConfig) -> None:
    """RequestError where the network of a run can't take its images; our own take any."""
    if config.model in MODELS:
        return
    from imbalance_bench.models.registry import check_model as check

    channels, height, width = gather(config).dataset.images.shape[1:]
    check(config.model, channels, (height, width))


def _train(
    config: RunConfig, store: Store, materials: Materials, strategy: Strategy, context: Context
) -> _Result:
    import torch

    from imbalance_bench.models.classifier import initial_hash
    from imbalance_bench.models.registry import build_model
    from imbalance_bench.training.inference import logits_of
    from imbalance_bench.training.loop import Streams, train
    from imbalance_bench.training.schedule import Optimisation

    dataset = materials.dataset
    device = torch.device(config.device_type)
    how = Optimisation(
        config.steps, config.epochs, config.batch_size, config.lr, config.schedule, config.weight_decay
    )
    streams = Streams(
        generator("sampler", config.seed, config.vary),
        generator("batches", config.seed, config.vary),
        torch_seed("training", config.seed, config.vary),
        torch_seed("augment", config.seed, config.vary),
    )
    with _one_thread() if device.type == "cpu" else contextlib.nullcontext():
        model = build_model(
            config.model,
            in_channels=dataset.images.shape[1],
            image_size=(dataset.images.shape[2], dataset.images.shape[3]),
            n_classes=context.n_classes,
            head=strategy.head,
            head_scale=strategy.head_scale,
            mean=torch.as_tensor(materials.mean, dtype=torch.float32),
            std=torch.as_tensor(materials.std, dtype=torch.float32),
            seed=torch_seed("init", config.seed, config.vary),
        )
        start = initial_hash(model)
        earlier = _start_from(model, config, store)
        model.to(device)
        inputs = _training_rows(materials, device)
        trained = train(model, *inputs, strategy, context, how, streams, config.augment)
        predictions: dict[str, NDArray[Any]] = {}
        for part, rows in (("val", materials.split.val), ("test", materials.split.test)):
            logits = logits_of(model, dataset.images, rows)
            if not np.isfinite(logits).all():
                raise RuntimeError("the trained network's logits are not finite; a lower --lr usually helps.")
            predictions |= {
                f"{part}_logits": logits,
                f"{part}_labels": dataset.labels[rows],
                f"{part}_rows": rows,
            }
        if dataset.row_names is not None:
            for part, at in (("val", materials.split.val), ("test", materials.split.test)):
                predictions[f"{part}_names"] = np.array([dataset.name_of(row) for row in at])
        if dataset.groups is not None:
            predictions["test_groups"] = dataset.groups[materials.split.test]
        predictions |= {f"{part}_log_likelihood": known for part, known in materials.log_likelihood.items()}
    return _Result(model, start, earlier, trained, predictions)


def _training_rows(materials: Materials, device: torch.device) -> tuple[Any, Any]:
    """The training rows for the device and for the strategy's plan.

    On the CPU the tensor shares the data set's memory; a GPU gets the training rows alone.
    """
    import torch

    from imbalance_bench.strategies.plan import TrainingView
    from imbalance_bench.training.batches import Rows

    images, at = materials.dataset.images, materials.split.train
    labels = materials.dataset.labels[at]
    names = materials.dataset.class_names
    view = TrainingView(labels, len(names), lambda rows: images[at[rows]], names)
    if device.type == "cpu":
        pool, index = torch.from_numpy(images), torch.from_numpy(at)
    else:
        pool, index = _sent(images, at, device), torch.arange(len(at), device=device)
    return Rows(pool, index, torch.from_numpy(labels).to(device)), view


def _sent(images: NDArray[Any], at: NDArray[np.int64], device: torch.device) -> torch.Tensor:
    """The images of the rows `at` on a device, a block at a time: no copy of them all on the way."""
    import torch

    first = torch.from_numpy(images[at[:1]])
    pool = torch.empty((len(at), *images.shape[1:]), dtype=first.dtype, device=device)
    for start in range(0, len(at), SENT_ROWS):
        block = at[start : start + SENT_ROWS]
        pool[start : start + len(block)] = torch.from_numpy(images[block]).to(device)
    return pool


def _start_from(model: Classifier, config: RunConfig, store: Store) -> Record | None:
    """Load the weights of the run that `config` starts from, if any; what is recorded of it."""
    from safetensors.torch import load_file

    if config.requires_key is None:
        return None
    base = store.find_key(config.requires_key)
    if base is None:
        raise RuntimeError(f"the run {config.requires_key} that this one starts from is not stored.")
    own = model.state_dict()
    stored = load_file(base.folder / "weights.safetensors")
    # A head of cosines has a scale and no bias; whatever both kinds have is taken over.
    model.load_state_dict({name: stored.get(name, value) for name, value in own.items()})
    return base.record


def _record(
    config: RunConfig, materials: Materials, strategy: Strategy, context: Context, result: _Result
) -> Record:
    trained, before = result.trained, result.earlier
    factors = strategy.loss_factors(context)
    return {
        "format_version": FORMAT_VERSION,
        "status": "completed",
        "key": config.key(),
        "group": config.group(),
        "config": config.model_dump(),
        "versions": {"imbalance-bench": __version__, "python": platform.python_version()}
        | {name: metadata.version(name) for name in RECORDED},
        "device": _device_name(config.device_type),
        "class_names": list(context.class_names),
        "class_counts": context.class_counts.tolist(),
        "sampled_counts": trained.plan_counts.tolist(),
        "class_order": list(materials.order),
        "positive_class": context.class_names[context.positive] if context.n_classes == 2 else None,
        "effective_prior": trained.effective_prior.tolist(),
        "loss_factors": None if factors is None else factors.tolist(),
        "optimizer_steps": trained.steps + (before["optimizer_steps"] if before else 0),
        "samples_seen": trained.samples_seen + (before["samples_seen"] if before else 0),
        "distinct_rows": trained.distinct_rows,
        "passes": trained.samples_seen / trained.distinct_rows + (before["passes"] if before else 0.0),
        "class_passes": (trained.class_passes + (before["class_passes"] if before else 0.0)).tolist(),
        "split_hash": materials.split.hash(),
        "test_part": materials.test_part,
        "initial_weights_hash": result.initial_hash,
        "data_notes": list(materials.dataset.notes),
        "notes": [*strategy.notes(context), *trained.notes],
        "train_seconds": trained.seconds,
        "metrics": {},
    }


def _hardest(materials: Materials, predictions: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """The few test images of highest loss, with their row numbers, so that a report needs no data set."""
    loss = softmax_loss(predictions["test_logits"], predictions["test_labels"])
    worst = np.argsort(-loss, kind="stable")[:HARDEST]
    rows = predictions["test_rows"][worst]
    return {
        "images": materials.dataset.images[rows],
        "rows": rows,
        "labels": predictions["test_labels"][worst],
        "logits": predictions["test_logits"][worst],
        "loss": loss[worst],
    }


def _save_arrays(path: Path, arrays: Mapping[str, NDArray[Any]]) -> None:
    # The checker takes any unpacked name for numpy's own `allow_pickle`; ours never is that.
    np.savez_compressed(path, **arrays)  # type: ignore[arg-type]


def _device_name(kind: str) -> str:
    import torch

    if kind == "cuda":
        return torch.cuda.get_device_name()
    return platform.processor() or platform.machine()


@contextlib.contextmanager
def _one_thread() -> Iterator[None]:
    """One torch thread, so that the number of workers changes no number."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
