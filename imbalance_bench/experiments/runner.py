"""Makes the runs of a plan: in this process or in workers, sharing the folder with other processes."""

from __future__ import annotations

import contextlib
import os
import pickle
import signal
import threading
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Protocol

from imbalance_bench.config import RunConfig
from imbalance_bench.experiments.execution import Outcome, attempt
from imbalance_bench.experiments.making import check_model
from imbalance_bench.experiments.planning import Plan
from imbalance_bench.experiments.store import Store
from imbalance_bench.strategies.registry import register, registered_here

POLL_SECONDS = 0.2
GIVE_UP_AFTER = 2
"""So often may the workers be ended from outside without a run coming through in between."""
ENDED_FROM_OUTSIDE = (
    "a worker process was ended from outside (out of memory?); fewer --workers or a smaller --batch-size "
    "need less. The same command goes on with what is missing."
)
WATCH = "imbench-watch-parent"


class Progress(Protocol):
    """What is told of the runs as they end."""

    def start(self, missing: int, stored: int, workers: int) -> None:
        """`missing` runs are to be made, `stored` ones are there."""

    def ended(self, outcome: Outcome) -> None:
        """A run was stored, refused or failed."""


def execute(plan: Plan, progress: Progress) -> list[Outcome]:
    """Make what is missing; the outcomes that are not "stored". Stored runs stay, however it ends.

    RequestError where the network can't take the images.
    """
    store = Store(plan.settings.results)
    everything = [config for wave in plan.waves for config in wave]
    missing = [config for config in everything if store.find(config) is None]
    if missing:
        # Before any worker starts: every run of a request has the same network and size of image.
        check_model(missing[0])
    workers = _workers(plan, len(missing))
    progress.start(len(missing), len(everything) - len(missing), workers)
    failures: dict[str, Outcome] = {}
    keys = {config.key() for config in missing}
    for wave in plan.waves:
        waiting = [config for config in wave if config.key() in keys]
        for config in [c for c in waiting if c.requires_key in failures]:
            cause = failures[config.requires_key or ""]
            outcome = Outcome(config, cause.status, f"the run it starts from is missing: {cause.error}")
            waiting.remove(config)
            failures[config.key()] = outcome
            progress.ended(outcome)
        while waiting:
            busy = []
            for outcome in _attempts(waiting, store, workers):
                if outcome.status == "busy":
                    busy.append(outcome.config)
                    continue
                if outcome.status != "stored":
                    failures[outcome.config.key()] = outcome
                progress.ended(outcome)
            if len(busy) == len(waiting):
                time.sleep(POLL_SECONDS)
            waiting = busy
    return list(failures.values())


def _workers(plan: Plan, missing: int) -> int:
    """How many worker processes; 0 trains in this one. A GPU is not shared unless asked for."""
    asked = plan.settings.workers
    if asked is None:
        if plan.device != "cpu":
            return 0
        import joblib

        asked = joblib.cpu_count()
    return min(asked, missing) if missing > 1 or plan.settings.workers else 0


def _attempts(configs: Sequence[RunConfig], store: Store, workers: int) -> Iterator[Outcome]:
    if workers == 0:
        for config in configs:
            yield attempt(config, store.root)
        return
    import joblib
    from joblib.externals.loky.process_executor import TerminatedWorkerError

    pending = {config.key(): config for config in configs}
    carried = _packed()
    deaths = 0
    while pending and deaths < GIVE_UP_AFTER:
        parallel = joblib.Parallel(
            n_jobs=workers,
            backend="loky",
            return_as="generator_unordered",
            batch_size=1,
            pre_dispatch="n_jobs",
        )
        task = joblib.delayed(_attempt_in_worker)
        tasks = [task(config, store.root, os.getpid(), carried) for config in pending.values()]
        try:
            for outcome in parallel(tasks):
                pending.pop(outcome.config.key(), None)
                deaths = 0
                yield outcome
        except TerminatedWorkerError:
            deaths += 1
    for config in pending.values():
        yield Outcome(config, "failed", ENDED_FROM_OUTSIDE)


def _packed() -> list[bytes]:
    """The strategies that only this process knows, as of a notebook, for the workers."""
    from joblib.externals.loky.backend.reduction import dumps

    packed: list[bytes] = []
    for cls in registered_here():
        with contextlib.suppress(Exception):  # what can't be sent fails in the worker, alone
            packed.append(bytes(dumps(cls)))
    return packed


def _unpack(carried: Sequence[bytes]) -> None:
    for data in carried:
        with contextlib.suppress(Exception):  # the worker says of its run that there is no such strategy
            register(pickle.loads(data))


def _attempt_in_worker(config: RunConfig, root: Path, parent: int, carried: Sequence[bytes]) -> Outcome:
    """`attempt` in a worker, which leaves interruptions to its parent and does not outlive it.

    `carried`: see `_packed`.
    """
    if os.getpid() == parent:  # joblib runs a single worker's tasks in the process that asked
        return attempt(config, root)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if hasattr(os, "getppid") and not any(thread.name == WATCH for thread in threading.enumerate()):
        threading.Thread(target=_end_with, args=(parent,), name=WATCH, daemon=True).start()
    _unpack(carried)
    return attempt(config, root)


def _end_with(parent: int) -> None:
    """End this process as soon as it has another parent than the one that started it."""
    while os.getppid() == parent:
        time.sleep(POLL_SECONDS)
    os._exit(1)
