"""What making a run does with images on their way to a device."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from imbalance_bench.experiments import making


@pytest.mark.parametrize("kind", ["uint8", "uint16", "float32"])
def test_rows_go_to_the_device_in_blocks(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    monkeypatch.setattr(making, "SENT_ROWS", 4)
    images = np.arange(20 * 6).reshape(20, 1, 3, 2).astype(kind)
    at = np.array([19, 0, 3, 3, 7, 11, 2, 5, 1], np.int64)
    sent = making._sent(images.transpose(0, 1, 3, 2), at, torch.device("cpu"))
    assert sent.dtype == torch.from_numpy(images).dtype
    assert (sent.numpy() == images[at].transpose(0, 1, 3, 2)).all()
