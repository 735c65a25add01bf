"""What a run's files show beyond ``results.json``: grids, curves, a map of codes, the worst mistakes."""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from sklearn.manifold import TSNE
from sklearn.preprocessing import StandardScaler

from relgan.figures import code_map
from relgan.finished import predictions_of
from relgan.predictions import METHODS
from relgan.probes import Floats, Labels

MOST_MAPPED = 500  # faces on the map of codes
MAPPED = ("baseline_features", "expression_code")
MISTAKES = 8


def fold_folder(out: Path, fold: Mapping[str, Any]) -> Path:
    return out / f"seed_{fold['seed']}" / f"fold_{fold['fold']}"


def embedded(path: Path) -> str | None:
    """A picture as a data URI, PNG; None where it is not there or none."""
    try:
        with Image.open(path) as picture:
            buffer = io.BytesIO()
            picture.convert("RGB").save(buffer, format="PNG", optimize=True)
    except OSError:
        return None
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()


def grids(out: Path, folds: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """The sample sheet of every fold that has one."""
    found = []
    for fold in folds:
        picture = embedded(fold_folder(out, fold) / "samples.png")
        if picture:
            found.append({"title": f"seed {fold['seed']}, fold {fold['fold']}", "picture": picture})
    return found


def logs(out: Path, folds: Sequence[Mapping[str, Any]]) -> dict[str, list[list[dict[str, float]]]]:
    """Per method the rows of each fold's ``log.jsonl``."""
    found: dict[str, list[list[dict[str, float]]]] = {}
    for method in METHODS:
        paths = [fold_folder(out, fold) / method / "log.jsonl" for fold in folds]
        found[method] = [
            [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.endswith("}")]
            for path in paths
            if path.exists()
        ]
    return found


def map_of_codes(out: Path, folds: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """t-SNE (van der Maaten and Hinton 2008) of the codes of the fold with the most unseen people.

    One fold, since every fold's networks have codes of their own. None where no fold has codes.
    """
    best: tuple[int, int, Mapping[str, Any], dict[str, Any]] | None = None
    for fold in folds:
        path = fold_folder(out, fold) / "codes.npz"
        if not path.exists():
            continue
        with np.load(path) as arrays:
            if "subject" not in arrays:
                continue
            held = {key: arrays[key] for key in (*MAPPED, "subject", "expression", "take")}
        rank = len(set(held["subject"].tolist())), len(held["subject"])
        if best is None or rank > best[:2]:
            best = (*rank, fold, held)
    if best is None or best[1] < 6:
        return None
    _, count, fold, held = best
    rows = np.arange(count)
    if count > MOST_MAPPED:
        rows = np.sort(np.random.default_rng(0).choice(count, MOST_MAPPED, replace=False))
    labels = Labels(held["subject"], held["expression"], held["take"]).rows(rows)
    places = {code: tsne(held[code][rows]) for code in MAPPED}
    return {
        "picture": code_map(places, labels),
        "title": f"seed {fold['seed']}, fold {fold['fold']}",
        "faces": len(rows),
        "people": len(set(labels.subject.tolist()) - {""}),
    }


def tsne(codes: Floats) -> Floats:
    """(N, 2) places for N >= 6 codes, the same every time."""
    near = min(30.0, (len(codes) - 1) / 4)
    method = TSNE(perplexity=near, init="pca", random_state=0)
    places: Floats = method.fit_transform(StandardScaler().fit_transform(codes))
    return places


def worst_mistakes(
    out: Path, folds: Sequence[Mapping[str, Any]], classes: Sequence[str], show_faces: bool
) -> list[dict[str, Any]]:
    """REL-GAN's wrong answers of which it was surest, each picture once, with what the baseline said."""
    table = predictions_of([(dict(fold), fold_folder(out, fold)) for fold in folds])
    table = table.assign(confidence=table[list(classes)].max(axis=1))
    both = table[table.method == "relgan"].merge(
        table[table.method == "baseline"], on=["seed", "fold", "path"], suffixes=("", "_baseline")
    )
    wrong = both[both.predicted != both.expression].sort_values("confidence", ascending=False, kind="stable")
    seeds = wrong.groupby("path").seed.agg(sorted)
    return [
        {
            "picture": embedded(Path(row["path"])) if show_faces else None,
            "name": Path(row["path"]).name,
            "expression": row["expression"],
            "predicted": row["predicted"],
            "confidence": row["confidence"],
            "baseline": row["predicted_baseline"],
            "place": f"fold {row['fold']}, {_seeds(seeds[row['path']])}",
        }
        for row in wrong.drop_duplicates("path").head(MISTAKES).to_dict("records")
    ]


def _seeds(seeds: Sequence[int]) -> str:
    """'seed 0', or 'seeds 0, 2'."""
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"
