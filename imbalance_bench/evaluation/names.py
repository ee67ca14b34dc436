"""The metrics by name, with what they tell; larger is better unless the line says otherwise."""

from __future__ import annotations

METRICS = {
    "macro_f1": "mean F1 over the classes",
    "balanced_accuracy": "mean recall over the classes",
    "g_mean": "geometric mean of the recalls; 0 as soon as one class is never found",
    "mcc": "Matthews correlation of truth and decision",
    "worst_class_recall": "recall of the class that is found least",
    "macro_ap": "mean average precision over the classes, one against the rest; needs no threshold",
    "minority_ap": "average precision of the rarest training class; needs no threshold",
    "macro_auc": "mean area under the ROC curve, one against the rest; needs no threshold",
    "accuracy": "share of right decisions; says little where classes are unequal",
    "log_loss": "mean -log of the probability given to the truth (smaller is better)",
    "brier": "mean squared error of the probabilities, summed over classes (smaller is better)",
    "ece": "expected calibration error, 15 bins of equal mass, debiased (smaller is better)",
}

DECISION_METRICS = ("macro_f1", "balanced_accuracy", "g_mean", "mcc", "worst_class_recall", "accuracy")
"""Those of decisions: a moved threshold changes them. The others are of scores alone."""

SMALLER_IS_BETTER = ("log_loss", "brier", "ece")
