"""The command line. Nothing heavy is imported here or at the top of a command's module."""

from __future__ import annotations


def main() -> None:
    """The entry point of `imbench`."""
    try:
        from imbalance_bench.cli.app import app

        app()
    except KeyboardInterrupt:
        raise SystemExit(130) from None
