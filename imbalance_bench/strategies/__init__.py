"""Remedies for unequal classes, one per file, behind one small interface."""

from imbalance_bench.strategies.base import Context, FittingData, Stage, Strategy, mean_one
from imbalance_bench.strategies.plan import SamplingPlan, TrainingView
from imbalance_bench.strategies.registry import available, create, register
from imbalance_bench.strategies.smote import smote_plan

__all__ = [
    "Context",
    "FittingData",
    "SamplingPlan",
    "Stage",
    "Strategy",
    "TrainingView",
    "available",
    "create",
    "mean_one",
    "register",
    "smote_plan",
]
