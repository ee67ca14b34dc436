"""Metrics from stored logits: a leaf that imports nothing of the project, and numpy alone at module level."""

from __future__ import annotations

from imbalance_bench.evaluation.metrics import per_class_report, summary_metrics

__all__ = ["per_class_report", "summary_metrics"]
