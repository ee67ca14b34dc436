"""imbench: which remedy for unequal classes really helps, and is it more than a moved threshold?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from imbalance_bench._version import __version__

if TYPE_CHECKING:
    from imbalance_bench.api import Result, compare, load_results, run
    from imbalance_bench.elsewhere import evaluate

__all__ = ["Result", "__version__", "compare", "evaluate", "load_results", "run"]


def __getattr__(name: str) -> Any:
    """Import the public functions when they are first used, so that the command line starts quickly."""
    if name in __all__:
        from imbalance_bench import api, elsewhere

        return getattr(elsewhere if name == "evaluate" else api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
