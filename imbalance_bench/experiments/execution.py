"""An attempt at one run: found, made, busy elsewhere, refused or failed."""

from __future__ import annotations

import contextlib
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import filelock

from imbalance_bench.config import RunConfig
from imbalance_bench.errors import RequestError
from imbalance_bench.experiments.store import Store
from imbalance_bench.strategies.checked import FaultyError

Status = Literal["stored", "busy", "refused", "failed"]


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended: stored, found busy in another process, refused these data, or failed."""

    config: RunConfig
    status: Status
    error: str = ""
    seconds: float = 0.0


def attempt(config: RunConfig, root: Path) -> Outcome:
    """Make the run unless it is there or another process is making it; what goes wrong is recorded."""
    store = Store(root)
    began = time.perf_counter()
    try:
        store.prepare(config)
        with store.lock(config):
            if store.find(config) is None:
                from imbalance_bench.experiments.making import make

                make(config, store)
            return Outcome(config, "stored", seconds=time.perf_counter() - began)
    except filelock.Timeout:
        return Outcome(config, "busy")
    except RequestError as error:
        status: Status = "refused"
        message, trace = str(error), ""
    except Exception as error:
        # Whatever one run meets, the others must go on; the record keeps the whole traceback.
        status, trace = "failed", traceback.format_exc()
        said = str(error) if isinstance(error, FaultyError) else f"{type(error).__name__}: {error}"
        message = said.splitlines()[0]
    with contextlib.suppress(OSError):
        store.record_failure(config, message, trace)
    return Outcome(config, status, message)
