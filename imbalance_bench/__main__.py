"""`python -m imbalance_bench` is `imbench`."""

from imbalance_bench.cli import main

if __name__ == "__main__":
    main()
