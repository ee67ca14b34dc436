"""Metrics of a test set, and the weights that make it stand for other class shares."""

from imbalance_bench.evaluation.metrics import per_class_report, summary_metrics

__all__ = ["per_class_report", "summary_metrics"]
