"""The numbers of the paper (Ali and Hughes 2020, Tables 1 to 4), and how a run's conditions differ."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class PaperTable:
    """One of the paper's tables: rows of method, setting ("" where it names none) and accuracy, %."""

    number: int
    data: str
    measure: str
    rows: tuple[tuple[str, str, float], ...]


CKPLUS = PaperTable(
    1,
    "CK+",
    "10-fold average accuracy, seven expressions",
    (
        ("HOG 3D", "dynamic", 91.44),
        ("3DCNN", "dynamic", 85.90),
        ("STM-Explet", "dynamic", 94.19),
        ("IACNN", "static", 95.37),
        ("DTAGN", "static", 97.25),
        ("DeRL", "static", 97.30),
        ("CNN baseline", "static", 90.34),
        ("REL-GAN", "static", 97.41),
    ),
)
OULU = PaperTable(
    2,
    "Oulu-CASIA",
    "10-fold average accuracy, six expressions",
    (
        ("HOG 3D", "dynamic", 70.63),
        ("STM-Explet", "dynamic", 74.59),
        ("PPDN", "static", 84.59),
        ("DTAGN", "static", 81.46),
        ("DeRL", "static", 88.0),
        ("CNN baseline", "static", 73.14),
        ("REL-GAN", "static", 88.93),
    ),
)
BU3DFE = PaperTable(
    3,
    "BU-3DFE",
    "10-fold average accuracy, six expressions",
    (
        ("Wang et al.", "3D", 61.79),
        ("Berretti et al.", "3D", 77.54),
        ("Lopes", "static", 72.89),
        ("DeRL", "static", 84.17),
        ("CNN baseline", "static", 72.74),
        ("REL-GAN", "static", 83.46),
    ),
)
SFEW = PaperTable(
    4,
    "SFEW",
    "accuracy on the validation set, seven expressions",
    (
        ("AUDN", "", 26.14),
        ("STM-Explet", "", 31.73),
        ("Dhall et al. (SFEW's baseline)", "", 35.93),
        ("Mapped LBP", "", 41.92),
        ("FN2EN", "", 48.19),
        ("CNN baseline", "", 29.75),
        ("REL-GAN", "", 45.82),
    ),
)
TABLES = (CKPLUS, OULU, BU3DFE, SFEW)
OF_DATASET = {"ckplus": CKPLUS, "ck48": CKPLUS, "oulu_casia": OULU, "bu3dfe": BU3DFE, "sfew": SFEW}
FACES = {"ckplus": 981, "ck48": 981, "oulu_casia": 1440}


def differences(results: Mapping[str, Any]) -> list[str]:
    """In plain sentences: what must be known before a run's accuracy is set beside the paper's."""
    said: list[str] = []
    name = results["dataset"]
    if name not in OF_DATASET:
        said.append(f"The paper does not report {name}; no number of it can be set beside these")
    if name == "ck48":
        said.append("CK+48 holds crops of 48x48 pixels; the paper took CK+'s own pictures")
    expected = FACES.get(name)
    if expected and expected != results["faces"]:
        said.append(f"{results['faces']} faces here, {expected} in the paper")
    config = results["config"]
    if results["preset"] != "paper":
        steps = config["reenactment"]["max_steps"]
        root = config["reenactment"].get("root_steps")
        length = f"at most {steps} steps" if steps else f"{config['reenactment']['epochs']} epochs"
        length += f" (or {root:g} times the square root of the number of faces)" if steps and root else ""
        said.append(
            f"Preset {results['preset']}: pictures of {config['size']} pixels and {length} of stage 1; "
            "the paper has 96 pixels and 300 epochs over 40 views of every face"
        )
    began = [note for note in results["notes"] if "began from" in note]
    if not began:
        said.append("Both methods start from scratch; the paper's REL-GAN is pre-trained on BU-4DFE")
    elif not any("bu4dfe" in note for note in began):
        said.append("The paper's REL-GAN is pre-trained on BU-4DFE, this one on other faces, as said above")
    if results["folds_finished"] < results["folds_wanted"]:
        said.append(f"Only {results['folds_finished']} of {results['folds_wanted']} folds are in")
    if name in OF_DATASET and name != "sfew":
        said.append(
            "The paper averages over folds and does not say how it chose the epoch; here a fold of its own "
            "validates, so a tenth fewer people train"
        )
    return said
