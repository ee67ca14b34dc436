"""Losses for unequal classes: pure torch, each as a function and as an `nn.Module`."""

from imbalance_bench.losses.focal import FocalLoss, focal_loss

__all__ = ["FocalLoss", "focal_loss"]
