"""The digits that scikit-learn ships."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from imbalance_bench.data.registry import create
from imbalance_bench.errors import RequestError


def test_images_labels_and_names() -> None:
    d = create("digits").load(None)
    assert d.name == "digits"
    assert d.images.shape == (1797, 1, 8, 8)
    assert d.images.dtype == np.uint8
    # UCI's counts for the test part of optdigits
    assert d.counts().tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert d.class_names == tuple("0123456789") == create("digits").class_names()
    assert d.parts is None
    # the first row of the file, a zero
    assert d.images[0, 0, 0].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
    assert d.labels[0] == 0
    assert d.images.max() == 16


def test_fingerprint_is_of_the_file_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from imbalance_bench.data.registry import create;"
        "print(create('digits').fingerprint());"
        "create('fashion-mnist').class_names(); create('synthetic').fingerprint();"
        "print(sorted({'sklearn', 'torch', 'torchvision', 'pandas', 'scipy'} & set(sys.modules)))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.splitlines() == [create("digits").fingerprint(), "[]"]


def test_a_missing_file_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RequestError, match=r"digits\.csv\.gz was not found; install"):
        create("digits").fingerprint()
