"""Losses for unequal classes: pure torch, each as a function and as an `nn.Module`.

>>> import torch
>>> from imbalance_bench.losses import BalancedSoftmaxLoss
>>> criterion = BalancedSoftmaxLoss(class_counts=[30, 10])
>>> loss = criterion(torch.zeros(1, 2), torch.tensor([1]))
>>> round(loss.item(), 4)  # -log(10 / 40)
1.3863
"""

from imbalance_bench.losses.asymmetric import AsymmetricLoss, asymmetric_loss
from imbalance_bench.losses.balanced_softmax import BalancedSoftmaxLoss, balanced_softmax_loss
from imbalance_bench.losses.class_balanced import (
    ClassBalancedLoss,
    class_balanced_loss,
    effective_number_weights,
)
from imbalance_bench.losses.focal import FocalLoss, focal_loss
from imbalance_bench.losses.ldam import LDAMLoss, ldam_loss, ldam_margins
from imbalance_bench.losses.logit_adjusted import LogitAdjustedLoss, logit_adjusted_loss
from imbalance_bench.losses.poly1 import Poly1Loss, poly1_loss
from imbalance_bench.losses.smoothing import (
    LabelAwareSmoothingLoss,
    label_aware_smoothing,
    label_aware_smoothing_loss,
)

__all__ = [
    "AsymmetricLoss",
    "BalancedSoftmaxLoss",
    "ClassBalancedLoss",
    "FocalLoss",
    "LDAMLoss",
    "LabelAwareSmoothingLoss",
    "LogitAdjustedLoss",
    "Poly1Loss",
    "asymmetric_loss",
    "balanced_softmax_loss",
    "class_balanced_loss",
    "effective_number_weights",
    "focal_loss",
    "label_aware_smoothing",
    "label_aware_smoothing_loss",
    "ldam_loss",
    "ldam_margins",
    "logit_adjusted_loss",
    "poly1_loss",
]
