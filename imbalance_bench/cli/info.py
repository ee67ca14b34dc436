"""`imbench info`: versions, devices and folders, for bug reports."""

from __future__ import annotations

from typing import Annotated

import typer

PACKAGES = (
    "torch", "torchvision", "scikit-learn", "imbalanced-learn", "numpy", "scipy", "pandas", "joblib", "typer",
    "rich", "pydantic",
)  # fmt: skip


def command(
    format: Annotated[str, typer.Option(help="terminal or json.", metavar="NAME")] = "terminal",
) -> None:
    """Versions, devices and folders, for bug reports."""
    import json
    import os
    import platform
    from importlib import metadata
    from pathlib import Path

    import torch

    from imbalance_bench._version import __version__
    from imbalance_bench.data.downloads import data_roots
    from imbalance_bench.errors import RequestError

    if format not in ("terminal", "json"):
        raise RequestError(f"--format {format}: allowed are terminal and json.")
    devices = ["cpu"]
    devices += [f"cuda: {torch.cuda.get_device_name(i)}" for i in range(torch.cuda.device_count())]
    devices += ["mps"] if torch.backends.mps.is_available() else []
    found = {
        "imbench": __version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "devices": devices,
        "versions": {name: metadata.version(name) for name in PACKAGES},
        "data_folders": [str(folder) for folder in data_roots()],
        "results": str(Path("results").resolve()),
    }
    if format == "json":
        print(json.dumps(found, indent=1))
        return
    for name, value in found.items():
        lines = [f"{k} {v}" for k, v in value.items()] if isinstance(value, dict) else value
        for i, line in enumerate(lines if isinstance(lines, list) else [lines]):
            print(f"{name + ':' if i == 0 else '':<14}{line}")
