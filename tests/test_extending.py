"""The example of docs/extending.md: installed as a package of someone else, and as a file of our own."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import imbalance_bench

ROOT = Path(imbalance_bench.__file__).parents[1]
GUIDE = ROOT / "docs" / "extending.md"
SMALL = ("--dataset=digits", "--steps=2", "--workers=0", "--device=cpu", "--quiet", "--format=json")

pytestmark = pytest.mark.docs


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the guide shows, each under the name that stands above it."""
    root = tmp_path_factory.mktemp("guide")
    shown = re.findall(r"^`([\w./-]+)`\n\n```\w+\n(.*?)^```$", GUIDE.read_text("utf-8"), re.M | re.S)
    assert [Path(name).name for name, _ in shown] == [
        "root_weights.py", "test_root_weights.py", "pyproject.toml",
    ]  # fmt: skip
    for name, text in shown:
        path = root / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root / "imbench-root-weights"


def python(*arguments: str, path: Sequence[Path], cwd: Path) -> str:
    """The stdout of a Python that finds modules in `path` first."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, path))}
    done = subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=environment,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def installed(package: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Where the plugin was installed by pip, and this package."""
    target = tmp_path_factory.mktemp("site")
    flags = ("--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--disable-pip-version-check")
    python("-m", "pip", "install", *flags, "--target", str(target), str(package), path=[], cwd=target)
    return [target, ROOT]


def test_an_installed_plugin_appears_in_the_list(installed: list[Path], tmp_path: Path) -> None:
    told = python("-m", "imbalance_bench", "list", "strategies", "root-weights", path=installed, cwd=tmp_path)
    assert "w_c ~ n_c^(-power)" in told
    assert "0.25 to 1" in told
    everything = python("-m", "imbalance_bench", "list", "strategies", path=installed, cwd=tmp_path)
    assert {"root-weights", "focal"} <= set(everything.split())


def test_an_installed_plugin_runs_with_its_parameters(installed: list[Path], tmp_path: Path) -> None:
    asked = ("run", "--strategy", "root-weights", "--power", "0.25", *SMALL)
    found = json.loads(python("-m", "imbalance_bench", *asked, path=installed, cwd=tmp_path))
    assert found["strategy"] == "root-weights:power=0.25"
    assert len(found["per_class"]) == 10


def test_the_plugins_own_test_passes(package: Path, installed: list[Path]) -> None:
    told = python("-m", "pytest", "-q", "-p", "no:cacheprovider", path=installed, cwd=package)
    assert "4 passed" in told


def test_the_same_file_works_inside_the_package(package: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "imbalance_bench", tmp_path / "imbalance_bench")
    shutil.copy(package / "root_weights.py", tmp_path / "imbalance_bench" / "strategies")
    shutil.copy(package / "test_root_weights.py", tmp_path)
    told = python("-m", "pytest", "-q", "-p", "no:cacheprovider", path=[tmp_path], cwd=tmp_path)
    assert "4 passed" in told


def test_a_broken_plugin_is_a_warning(package: Path, installed: list[Path], tmp_path: Path) -> None:
    shutil.copytree(installed[0], tmp_path / "site")
    (tmp_path / "site" / "root_weights.py").write_text("raise RuntimeError('gone wrong')\n", encoding="utf-8")
    code = (
        "import warnings; warnings.simplefilter('always')\n"
        "from imbalance_bench.strategies import available\n"
        "with warnings.catch_warnings(record=True) as said: names = available()\n"
        "print('root-weights' in names, 'focal' in names, [str(w.message) for w in said])\n"
    )
    told = python("-c", code, path=[tmp_path / "site", ROOT], cwd=tmp_path)
    assert told.startswith("False True")
    assert "gone wrong" in told
