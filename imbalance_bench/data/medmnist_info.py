"""The twelve 2-D sets of MedMNIST v2 by name: classes and published parts (Yang et al. 2023).

The package `medmnist` (3.0) holds the same in its INFO; importing that imports torch, so it is kept here.
"""

from __future__ import annotations

from dataclasses import dataclass

RECORD = "https://zenodo.org/records/10519652"
SIZES = (28, 64, 128, 224)
VOLUMES = (
    "organmnist3d",
    "nodulemnist3d",
    "adrenalmnist3d",
    "fracturemnist3d",
    "vesselmnist3d",
    "synapsemnist3d",
)
_ORGANS = (
    *("bladder", "femur-left", "femur-right", "heart", "kidney-left", "kidney-right"),
    *("liver", "lung-left", "lung-right", "pancreas", "spleen"),
)


@dataclass(frozen=True)
class Info:
    """One set: the package's class for it, its task, its classes by label; rows of train, val and test."""

    python_class: str
    task: str
    classes: tuple[str, ...]
    rows: tuple[int, int, int]


INFO = {
    "pathmnist": Info(
        "PathMNIST",
        "multi-class",
        (
            *("adipose", "background", "debris", "lymphocytes", "mucus", "smooth muscle"),
            *("normal colon mucosa", "cancer-associated stroma", "colorectal adenocarcinoma epithelium"),
        ),
        (89996, 10004, 7180),
    ),
    "chestmnist": Info(
        "ChestMNIST",
        "multi-label, binary-class",
        (
            *("atelectasis", "cardiomegaly", "effusion", "infiltration", "mass", "nodule", "pneumonia"),
            *("pneumothorax", "consolidation", "edema", "emphysema", "fibrosis", "pleural", "hernia"),
        ),
        (78468, 11219, 22433),
    ),
    "dermamnist": Info(
        "DermaMNIST",
        "multi-class",
        (
            *("actinic keratoses and intraepithelial carcinoma", "basal cell carcinoma"),
            *("benign keratosis-like lesions", "dermatofibroma", "melanoma", "melanocytic nevi"),
            "vascular lesions",
        ),
        (7007, 1003, 2005),
    ),
    "octmnist": Info(
        "OCTMNIST",
        "multi-class",
        ("choroidal neovascularization", "diabetic macular edema", "drusen", "normal"),
        (97477, 10832, 1000),
    ),
    "pneumoniamnist": Info("PneumoniaMNIST", "binary-class", ("normal", "pneumonia"), (4708, 524, 624)),
    "retinamnist": Info("RetinaMNIST", "ordinal-regression", ("0", "1", "2", "3", "4"), (1080, 120, 400)),
    "breastmnist": Info("BreastMNIST", "binary-class", ("malignant", "normal, benign"), (546, 78, 156)),
    "bloodmnist": Info(
        "BloodMNIST",
        "multi-class",
        (
            *("basophil", "eosinophil", "erythroblast"),
            "immature granulocytes(myelocytes, metamyelocytes and promyelocytes)",
            *("lymphocyte", "monocyte", "neutrophil", "platelet"),
        ),
        (11959, 1712, 3421),
    ),
    "tissuemnist": Info(
        "TissueMNIST",
        "multi-class",
        (
            *("Collecting Duct, Connecting Tubule", "Distal Convoluted Tubule"),
            *("Glomerular endothelial cells", "Interstitial endothelial cells", "Leukocytes", "Podocytes"),
            *("Proximal Tubule Segments", "Thick Ascending Limb"),
        ),
        (165466, 23640, 47280),
    ),
    "organamnist": Info("OrganAMNIST", "multi-class", _ORGANS, (34561, 6491, 17778)),
    "organcmnist": Info("OrganCMNIST", "multi-class", _ORGANS, (12975, 2392, 8216)),
    "organsmnist": Info("OrganSMNIST", "multi-class", _ORGANS, (13932, 2452, 8827)),
}
