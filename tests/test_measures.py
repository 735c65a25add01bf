"""A fold's measures on drawn people and networks that know the answer, and how folds are pooled."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from relgan.data.tensors import FaceTensors
from relgan.measures import (
    CODES,
    measure_codes,
    measure_fold,
    pool_disentanglement,
    pool_reenactment,
    together,
)
from relgan.models import Baseline, Generator
from relgan.training import make_fabric

from .codes import codes, people

Drawn = Callable[..., FaceTensors]


def fold_of(seed: int = 0) -> dict[str, Any]:
    """Measures of codes in which f(e) is clean, f(i) is clean, and the baseline's features hold both."""
    labels = people(count=16)
    unseen = np.array([int(s[1:]) >= 8 for s in labels.subject])
    tables = {
        "expression_code": codes(labels, 0, 3, seed),
        "baseline_features": codes(labels, 3, 3, seed + 1),
        "identity_code": codes(labels, 3, 0, seed + 2),
    }
    return measure_codes(
        {name: table[unseen] for name, table in tables.items()},
        labels.rows(unseen),
        {name: table[~unseen] for name, table in tables.items()},
        labels.rows(~unseen),
        int(unseen.sum()),
        seed,
    ) | {"people_are_from": "test"}


def test_clean_codes_and_contaminated_features_are_told_apart() -> None:
    folds = [fold_of(0), fold_of(10)]
    assert json.loads(json.dumps(folds[0])) != {}
    pooled = pool_disentanglement(json.loads(json.dumps(folds)))
    assert pooled["chance"] == pytest.approx(1 / 8)
    assert pooled["identity_from_expression_code"] == pytest.approx(1 / 8, abs=0.08)
    assert pooled["identity_from_baseline_features"] > 0.9
    assert pooled["expression_from_identity_code"] == pytest.approx(1 / 4, abs=0.1)
    assert pooled["probes"]["expression_code"]["expression"]["linear"]["accuracy"] > 0.9
    assert pooled["probes"]["identity_code"]["verification_error"] < 0.1
    assert pooled["probes"]["expression_code"]["verification_error"] == pytest.approx(0.5, abs=0.06)
    assert pooled["blocks"]["overall"] > 0.8
    assert abs(pooled["hsic"]["value"]) < 0.05
    assert len(pooled["hsic"]["p"]) == 2
    low, high = pooled["probes"]["expression_code"]["identity"]["linear"]["interval"]
    assert low <= pooled["identity_from_expression_code"] <= high
    assert pooled["people_per_probe"] == [8]


def test_folds_weigh_by_the_faces_behind_them() -> None:
    first, second = fold_of(0), fold_of(10)
    for fold, accuracy, faces in ((first, 0.5, 30), (second, 1.0, 10)):
        fold["probes"]["expression_code"]["identity"]["linear"] |= {
            "accuracy": accuracy, "faces": faces, "by_person": {"a": (int(accuracy * faces), faces)},
        }  # fmt: skip
    pooled = pool_disentanglement([first, second])
    assert pooled["identity_from_expression_code"] == pytest.approx((0.5 * 30 + 1.0 * 10) / 40)
    probe = pooled["probes"]["expression_code"]["identity"]["linear"]
    assert (probe["people"], probe["faces"], probe["interval"]) == (1, 40, None)


def test_a_run_without_measures_pools_to_nothing() -> None:
    assert pool_disentanglement([])["identity_from_expression_code"] is None
    assert pool_reenactment([])["pairs"] == 0


def test_a_fold_is_measured_from_networks_to_json(drawn: Drawn, tmp_path: Path) -> None:
    data = drawn(people=4)
    parts = [
        data.subset([i for i, face in enumerate(data.faces) if face.subject in who])
        for who in (("p00", "p01"), ("p02",), ("p03",))
    ]
    torch.manual_seed(0)
    found = measure_fold(
        Generator(32), Baseline(3, 32), *parts, size=32, fabric=make_fabric("32-true", "cpu"), seed=0,
        codes_file=tmp_path / "codes.npz",
    )  # fmt: skip
    found = json.loads(json.dumps(found, allow_nan=False))
    assert found["people_are_from"] == "test and validation"  # the test fold is a single person
    assert found["probes"]["expression_code"]["identity"]["linear"]["people"] == 2
    assert found["probes"]["expression_code"]["expression"]["linear"]["faces"] == 6  # the test person's
    saved = np.load(tmp_path / "codes.npz")
    assert set(CODES) <= set(saved)
    assert saved["subject"].tolist() == ["p03"] * 6 + ["p02"] * 6
    pooled = pool_reenactment([found])
    assert pooled["pairs"] == pooled["with_truth"] > 0
    assert pooled["output"]["l1"] > 0
    assert json.loads(json.dumps(pool_disentanglement([found]), allow_nan=False))


def test_two_sets_of_faces_are_put_together_in_order(drawn: Drawn) -> None:
    data = drawn(people=2)
    both = together(data.subset(range(6)), data.subset(range(6, 12)))
    assert both.faces == data.faces
    assert torch.equal(both.pictures, data.pictures)
    assert torch.equal(both.identity, data.identity)
