"""All measures of one fold, and what those of a run's folds add up to."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning.fabric import Fabric

from relgan.data.augment import CENTRE
from relgan.data.tensors import FaceTensors
from relgan.disentanglement import block_scores, hsic
from relgan.models import Baseline, Generator
from relgan.probes import (
    KINDS,
    Floats,
    Labels,
    expression_transfer,
    identity_probe,
    pool_probes,
    verification_error,
    weighted_mean,
)
from relgan.recognition import encode
from relgan.reenacted import measure_reenactment

# The codes that are measured, in the order of the report.
CODES = ("expression_code", "baseline_features", "identity_code")


def measure_fold(
    generator: Generator,
    baseline: Baseline,
    train: FaceTensors,
    validation: FaceTensors,
    test: FaceTensors,
    *,
    size: int,
    fabric: Fabric,
    seed: int,
    codes_file: Path,
) -> dict[str, Any]:
    """Everything of docs/measures.md on one fold; the codes of unseen people go to ``codes_file`` (.npz).

    Unseen are the test people, and where that is a single person the validation people too: the networks
    learnt from neither, though the step they were taken at was chosen on the latter.
    """
    unseen = probed(test, validation)
    codes, labels = codes_of(generator, baseline, unseen, fabric), Labels.of(unseen.faces)
    np.savez_compressed(
        codes_file,
        allow_pickle=False,
        path=np.array([face.path for face in unseen.faces]),
        subject=labels.subject,
        expression=labels.expression,
        take=labels.take,
        **codes,
    )
    return {
        "people_are_from": "test" if unseen is test else "test and validation",
        **measure_codes(
            codes,
            labels,
            codes_of(generator, baseline, train, fabric),
            Labels.of(train.faces),
            len(test),
            seed,
        ),
        "reenactment": measure_reenactment(
            generator, baseline, together(test, validation), len(test), size, seed
        ),
    }


def codes_of(
    generator: Generator, baseline: Baseline, data: FaceTensors, fabric: Fabric
) -> dict[str, Floats]:
    """The codes of :data:`CODES`, (N, D) each, of the centre view of every face."""
    encoders = {
        "expression_code": generator.expression_encoder,
        "baseline_features": baseline.encoder,
        "identity_code": generator.identity_encoder,
    }
    return {
        name: encode(network, data, CENTRE, generator.size, fabric)[:, 0].numpy()
        for name, network in encoders.items()
    }


def measure_codes(
    codes: Mapping[str, Floats],
    labels: Labels,
    train_codes: Mapping[str, Floats],
    train_labels: Labels,
    tested: int,
    seed: int,
) -> dict[str, Any]:
    """Probes, block scores and HSIC of the codes named in :data:`CODES`.

    Args:
        codes: per code (N, D) of people the networks never saw.
        labels: of the N rows.
        train_codes, train_labels: of the people the networks learnt from.
        tested: the first so many of the N rows are the test fold's; expressions are asked of these.
        seed: of the shuffles and drawings.
    """
    first = labels.rows(np.arange(tested))
    probes: dict[str, Any] = {}
    for name in CODES:
        probes[name] = {
            "identity": {kind: asdict(identity_probe(codes[name], labels, kind, seed)) for kind in KINDS},
            "expression": {
                kind: asdict(
                    expression_transfer(train_codes[name], train_labels, codes[name][:tested], first, kind)
                )
                for kind in KINDS
            },
            "verification_error": verification_error(codes[name], labels, seed),
        }
    dependence = hsic(codes["expression_code"], codes["identity_code"], seed)
    return {"probes": probes, "hsic": None if dependence is None else asdict(dependence)}


def probed(test: FaceTensors, validation: FaceTensors) -> FaceTensors:
    """The faces in which the person is looked for: the test fold's, and the validation fold's too where the
    test fold holds a single person."""
    few = len(test.people) < 2 and bool(validation.people)
    return together(test, validation) if few else test


def together(first: FaceTensors, second: FaceTensors) -> FaceTensors:
    """The faces of both, the first's first."""
    pictures = torch.cat([first.pictures, second.pictures])
    data = FaceTensors.of([*first.faces, *second.faces], pictures, first.classes)
    return data.to(first.pictures.device)


def pool_disentanglement(folds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """``results.json``'s disentanglement: each fold's measures weighted by the faces behind them."""
    probes: dict[str, Any] = {
        name: {
            factor: {
                kind: pool_probes([fold["probes"][name][factor][kind] for fold in folds]) for kind in KINDS
            }
            for factor in ("identity", "expression")
        }
        | {
            "verification_error": weighted_mean(
                (fold["probes"][name]["verification_error"], _faces(fold, name, "identity")) for fold in folds
            )
        }
        for name in CODES
    }
    information = {
        name: {factor: probes[name][factor]["linear"]["information"] for factor in ("expression", "identity")}
        for name in ("expression_code", "identity_code")
    }
    readable = all(value is not None for row in information.values() for value in row.values())
    dependences = [fold["hsic"] for fold in folds if fold["hsic"] is not None]
    person = {name: probes[name]["identity"]["linear"] for name in CODES}
    return {
        "identity_from_expression_code": person["expression_code"]["accuracy"],
        "identity_from_baseline_features": person["baseline_features"]["accuracy"],
        "chance": person["expression_code"]["chance"],
        "expression_from_identity_code": probes["identity_code"]["expression"]["linear"]["accuracy"],
        "people_per_probe": sorted(
            {fold["probes"]["expression_code"]["identity"]["linear"]["people"] for fold in folds}
        ),
        "people_are_from": sorted({fold["people_are_from"] for fold in folds}),
        "probes": probes,
        "blocks": asdict(block_scores(information)) if readable else None,
        "hsic": {
            "value": weighted_mean((fold["value"], fold["faces"]) for fold in dependences),
            "p": [fold["p"] for fold in dependences],
        },
    }


def pool_reenactment(folds: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """``results.json``'s reenactment: each fold's numbers weighted by its pairs."""
    measured = [fold["reenactment"] for fold in folds if fold["reenactment"] is not None]

    def group(name: str, weight: str = "pairs") -> dict[str, float | None]:
        run = [fold for fold in measured if fold[name] is not None]
        keys = [key for key in run[0][name] if key != "pairs"] if run else []
        return {key: weighted_mean((fold[name][key], fold[weight]) for fold in run) for key in keys}

    return {
        "pairs": sum(fold["pairs"] for fold in measured),
        "with_truth": sum(fold["with_truth"] for fold in measured),
        "output": group("output", "with_truth"),
        "copied_target": group("copied_target", "with_truth"),
        "expression_read": group("expression_read"),
        "identity_read": group("identity_read"),
        "swap": {name: group(f"swap_{name}") for name in ("expression_code", "identity_code")},
        "distance": group("distance"),
    }


def _faces(fold: Mapping[str, Any], name: str, factor: str) -> int:
    faces: int = fold["probes"][name][factor]["linear"]["faces"]
    return faces
