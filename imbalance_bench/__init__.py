"""imbench: which remedy for unequal classes really helps, and is it more than a moved threshold?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imbalance_bench._version import __version__

if TYPE_CHECKING:
    from imbalance_bench.api import compare, run
    from imbalance_bench.elsewhere import evaluate
    from imbalance_bench.report.result import Result
    from imbalance_bench.stored import load_results

__all__ = ["Result", "__version__", "compare", "evaluate", "load_results", "run"]

_HOMES = {
    "compare": "api",
    "run": "api",
    "evaluate": "elsewhere",
    "load_results": "stored",
    "Result": "report.result",
}


def __getattr__(name: str) -> Any:
    """Import the public functions when they are first used, so that the command line starts quickly."""
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
