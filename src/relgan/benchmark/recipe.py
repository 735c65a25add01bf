"""What each part of the recipe is worth, on the folds of a data set:
``python -m relgan.benchmark.recipe DATASET ROOT --out DIR [--rows no-ema,no-d] [--seeds 0,1,2]``.

A row changes one thing in the settings of `relgan evaluate`. Rows that share stage 1 share its training, and
finished folds are not run again, so several processes may each take rows or seeds of one ``--out``. Whatever
has to be chosen within a row is chosen on the validation fold; rows are not for choosing settings by their
test folds.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from lightning.fabric import Fabric
from torch import Tensor

from relgan.averaging import mean_network
from relgan.baseline import predict_baseline, train_baseline
from relgan.checkpoints import CHECKPOINT
from relgan.choosing import Score
from relgan.cli_train import numbers, starting_weights
from relgan.config import Config, RecognitionConfig, Schedule, preset, tuned
from relgan.crossval import folds_to_run
from relgan.data.augment import CENTRE, PAPER_REACH, SOME_VIEWS, Reach
from relgan.data.folds import Fold
from relgan.data.pairs import NO_TRUTH
from relgan.data.tensors import FaceTensors
from relgan.errors import InputError
from relgan.files import write_text
from relgan.finished import finished
from relgan.measures import probed, together
from relgan.metrics import as_list
from relgan.models import Baseline, Classifier, Generator, baseline_of
from relgan.normalise import normalised_scores
from relgan.predictions import averaged, people_of, prediction_table, read_predictions
from relgan.probes import Labels, identity_probe, weighted_mean
from relgan.quality import closeness
from relgan.recognition import (
    Floats,
    encode,
    fit_classifier,
    predict_codes,
    quick_score,
    train_stage2,
    views_for,
)
from relgan.reenacted import reenact, unseen_pairs
from relgan.reenactment import train_reenactment
from relgan.significance import mcnemar, people_difference
from relgan.study import Study, fingerprint, study_of
from relgan.training import make_fabric
from relgan.weights import Weights

Change = Callable[[Config], Config]
Read = Callable[[FaceTensors], Floats]
"""Faces (N) to probabilities (N, C)."""
RECORD = "row.json"


@dataclass(frozen=True)
class Row:
    """One departure from the recipe.

    Attributes:
        name: its name in the table.
        change: from the settings of the recipe to those of the row.
        scratch: whether the fold begins with random weights, and with as many steps as that takes.
        views: how many test-time views the probabilities are the mean of.
        frozen: whether stage 2 leaves the encoder as it is.
        reach: how far training crops are shifted and turned.
        halfway: whether stage 2 (and the pictures) take the mean of the weights that the fold began with and
            those that it trained (Wortsman et al. 2022, WiSE-FT).
    """

    name: str
    change: Change = lambda config: config
    scratch: bool = False
    views: int = 10
    frozen: bool = True
    reach: Reach = PAPER_REACH
    halfway: bool = False


def stage1(**values: Any) -> Change:
    return lambda config: replace(config, reenactment=replace(config.reenactment, **values))


def stage2(**values: Any) -> Change:
    return lambda config: replace(config, recognition=replace(config.recognition, **values))


def baseline(**values: Any) -> Change:
    return lambda config: replace(config, baseline=replace(config.baseline, **values))


def _twice(config: Config) -> Config:
    def doubled(stage: Schedule) -> dict[str, Any]:
        steps = None if stage.max_steps is None else 2 * stage.max_steps
        return {"max_steps": steps, "root_steps": 2 * stage.root_steps}

    return stage1(**doubled(config.reenactment))(baseline(**doubled(config.baseline))(config))


NO_D = {"lambda_adversarial": 0.0, "lambda_expression": 0.0, "lambda_identity": 0.0}
NO_PICTURES = NO_D | {"lambda_pixel": 0.0, "lambda_features": 0.0, "lambda_edges": 0.0}
NO_ADDITIONS = dict.fromkeys(
    ("lambda_code", "lambda_guide", "pixel_focus", "lambda_features", "lambda_edges"), 0.0
)
PAPER_LAMBDAS = {"lambda_adversarial": 0.7, "lambda_expression": 50.0, "lambda_identity": 30.0}

RELGAN = (
    Row("relgan"),
    Row("no-stage-1", stage1(max_steps=0, root_steps=0)),
    Row("scratch", scratch=True),
    Row("paper-losses", stage1(**NO_ADDITIONS)),
    Row("paper-losses-and-lambdas", stage1(**NO_ADDITIONS | PAPER_LAMBDAS)),
    Row("paper-lambdas", stage1(**PAPER_LAMBDAS)),
    Row("no-d", stage1(**NO_D)),
    Row("no-pictures", stage1(**NO_PICTURES)),
    Row("no-code", stage1(lambda_code=0.0)),
    Row("no-guide", stage1(lambda_guide=0.0)),
    Row("no-ema", stage1(ema_decay=0.0)),
    Row("d-always", stage1(discriminator_threshold=0.0)),
    Row("d-faster", stage1(discriminator_learning_rate=4e-4)),
    Row("no-jitter", stage1(jitter=0.0)),
    Row("centre-crops", reach=Reach(shift=0)),
    Row("crops-twice-as-far", reach=Reach(shift=2)),
    Row("no-turns", reach=Reach(turn=0)),
    Row("turns-twice-as-far", reach=Reach(turn=2)),
    Row("twice-the-steps", _twice),
    Row("steady-rate", stage1(decay=False)),
    Row("steady-rate-2e-4", stage1(learning_rate=2e-4, decay=False)),
    Row("hidden-16", stage2(hidden=16)),
    Row("hidden-256", stage2(hidden=256)),
    Row("codes-of-1-view", stage2(variants=1)),
    Row("codes-of-40-views", stage2(variants=40)),
    Row("encoder-tuned", frozen=False),
    Row("halfway", halfway=True),
    Row("test-1-view", views=1),
    Row("test-2-views", views=2),
    Row("test-6-views", views=6),
)
BASELINE = (
    Row("baseline"),
    Row("baseline-scratch", scratch=True),
    Row("baseline-halfway", halfway=True),
    Row("baseline-7-features", baseline(features=7)),
    Row("baseline-no-jitter", baseline(jitter=0.0)),
    Row("baseline-centre-crops", reach=Reach(shift=0)),
    Row("baseline-crops-twice-as-far", reach=Reach(shift=2)),
    Row("baseline-no-turns", reach=Reach(turn=0)),
    Row("baseline-turns-twice-as-far", reach=Reach(turn=2)),
    Row("baseline-twice-the-steps", _twice),
    Row("baseline-steady-rate", baseline(decay=False)),
    Row("baseline-steady-rate-2e-4", baseline(learning_rate=2e-4, decay=False)),
    Row("baseline-test-1-view", views=1),
)
ROWS = {row.name: row for row in (*RELGAN, *BASELINE)}


@dataclass(frozen=True)
class Recipe:
    """What all rows depart from: faces and folds, settings, and the weights that folds begin with."""

    study: Study
    config: Config
    start: Weights | None
    fabric: Fabric

    def of(self, row: Row) -> tuple[Config, Weights | None]:
        """A row's settings and the weights its folds begin with."""
        start = None if row.scratch else self.start
        config = tuned(self.config, start.baseline is not None) if start else self.config
        return row.change(config), start

    def mark(self, row: Row) -> str:
        """Changes with whatever the row's outcome depends on."""
        config, start = self.of(row)
        return f"{fingerprint(self.study, config, start)} {row.views} {row.frozen} {row.reach} {row.halfway}"


@dataclass(frozen=True)
class Parts:
    """The people of a fold."""

    train: FaceTensors
    validation: FaceTensors
    test: FaceTensors


def run_rows(recipe: Recipe, rows: Iterable[Row], fold: Fold, seed: int, out: Path) -> None:
    """One fold of some rows; each leaves ``ROW/seed_S/fold_K/row.json`` and ``predictions.csv``.

    Rows whose stage 1 (or whose baseline) is the same are trained together.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        if finished(_folder(out, row, seed, fold.index), recipe.mark(row), RECORD) is None:
            groups.setdefault(_training(recipe, row), []).append(row)
    if not groups:
        return
    data, device = recipe.study.data, recipe.fabric.device
    parts = Parts(*(data.subset(at).to(device) for at in (fold.train, fold.validation, fold.test)))
    for group in groups.values():
        run = _run_baselines if group[0] in BASELINE else _run_relgans
        train = replace(parts.train, reach=group[0].reach)
        run(recipe, group, replace(parts, train=train), seed, fold.index, out)


def _training(recipe: Recipe, row: Row) -> str:
    """Equal for rows that can share a training."""
    config, start = recipe.of(row)
    shared = config.baseline if row in BASELINE else replace(config, recognition=RecognitionConfig())
    return json.dumps([row in BASELINE, asdict(shared), start is None, asdict(row.reach)])


def _run_relgans(recipe: Recipe, rows: list[Row], parts: Parts, seed: int, index: int, out: Path) -> None:
    config, start = recipe.of(rows[0])
    train, size, fabric = parts.train, config.size, recipe.fabric
    work = _folder(out, rows[0], seed, index)
    trained = train_reenactment(
        train,
        config,
        seed=seed,
        out=work / "relgan",
        fabric=fabric,
        validate=lambda made: quick_score(made.expression_encoder, train, parts.validation, size, fabric),
        start=start,
    )
    encoder = trained.generator.expression_encoder

    @cache
    def generator(halfway: bool) -> Generator:
        if not halfway:
            return trained.generator
        assert start is not None
        return mean_network([start.generator, trained.generator])

    @cache
    def measured(halfway: bool) -> dict[str, Any]:
        return _measure(generator(halfway), parts, size, seed, fabric) | {"step": trained.step}

    @cache
    def codes(halfway: bool, views: tuple[int, ...]) -> Tensor:
        return encode(generator(halfway).expression_encoder, train, views, size, fabric)

    @cache
    def classifier(halfway: bool, settings: RecognitionConfig) -> Classifier:
        return fit_classifier(codes(halfway, views_for(len(train), settings)), train, settings, seed)

    for row in rows:
        settings = recipe.of(row)[0].recognition
        folder = _folder(out, row, seed, index)
        if row.frozen:
            reader, head = generator(row.halfway).expression_encoder, classifier(row.halfway, settings)
            views = SOME_VIEWS[row.views]
            read: Read = partial(predict_codes, reader, head, size=size, fabric=fabric, views=views)
        else:
            network = baseline(features=config.expression_dim)(config)
            begun = baseline_of(network, len(train.classes))
            begun.encoder.load_state_dict(encoder.state_dict())
            model = _train_baseline(recipe, network, begun, parts, seed, folder)
            read = partial(predict_baseline, model, size=size, fabric=fabric, views=SOME_VIEWS[row.views])
        _write(folder, recipe.mark(row), parts, read, measured(row.halfway) if row.frozen else {})
        (folder / "baseline" / CHECKPOINT).unlink(missing_ok=True)
    (work / "relgan" / CHECKPOINT).unlink(missing_ok=True)


def _run_baselines(recipe: Recipe, rows: list[Row], parts: Parts, seed: int, index: int, out: Path) -> None:
    config, start = recipe.of(rows[0])
    begin = start.baseline if start else None
    if begin is not None and begin.encoder.code_dim != config.baseline.features:
        shorter = baseline_of(config, len(parts.train.classes))
        shorter.encoder.blocks.load_state_dict(begin.encoder.blocks.state_dict())
        begin = shorter
    model = _train_baseline(recipe, config, begin, parts, seed, _folder(out, rows[0], seed, index))
    for row in rows:
        read = _baseline_reader(recipe, row, config, begin, model, parts.train, seed)
        _write(_folder(out, row, seed, index), recipe.mark(row), parts, read, {})
    (_folder(out, rows[0], seed, index) / "baseline" / CHECKPOINT).unlink(missing_ok=True)


def _train_baseline(
    recipe: Recipe, config: Config, begin: Baseline | None, parts: Parts, seed: int, folder: Path
) -> Baseline:
    return train_baseline(
        parts.train,
        config,
        seed=seed,
        out=folder / "baseline",
        fabric=recipe.fabric,
        held_out=parts.validation,
        start=begin,
    ).model


def _baseline_reader(
    recipe: Recipe,
    row: Row,
    config: Config,
    begin: Baseline | None,
    model: Baseline,
    train: FaceTensors,
    seed: int,
) -> Read:
    size, fabric, views = config.size, recipe.fabric, SOME_VIEWS[row.views]
    if not row.halfway:
        return partial(predict_baseline, model, size=size, fabric=fabric, views=views)
    assert begin is not None
    encoder = mean_network([begin.encoder, model.encoder])  # its features are others: stage 2 reads them
    classifier = train_stage2(encoder, train, config.recognition, seed, size, fabric)
    return partial(predict_codes, encoder, classifier, size=size, fabric=fabric, views=views)


def _measure(generator: Generator, parts: Parts, size: int, seed: int, fabric: Fabric) -> dict[str, Any]:
    """The person in f(e) of unseen people, and the pictures' SSIM with their truths beside the targets'."""
    asked, unseen = probed(parts.test, parts.validation), together(parts.test, parts.validation)
    codes = encode(generator.expression_encoder, asked, CENTRE, size, fabric)[:, 0].numpy()
    found: dict[str, Any] = {"person": asdict(identity_probe(codes, Labels.of(asked.faces), seed=seed))}
    pairs = unseen_pairs(unseen.faces, len(parts.test), seed)
    if pairs is not None and (pairs.truth != NO_TRUTH).any():
        made = reenact(generator, unseen, pairs, size)
        some = torch.as_tensor(made.has_truth)
        found["pairs"] = int(some.sum())
        found["ssim"] = closeness(made.picture[some], made.truth[some]).ssim
        found["ssim_of_target"] = closeness(made.target[some], made.truth[some]).ssim
    return found


def _folder(out: Path, row: Row, seed: int, index: int) -> Path:
    return out / row.name / f"seed_{seed}" / f"fold_{index}"


def _write(folder: Path, mark: str, parts: Parts, read: Read, measured: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    table = prediction_table(parts.test.faces, parts.test.classes, {"row": read(parts.test)})
    table.to_csv(folder / "predictions.csv", index=False, float_format="%.6g")
    score = Score.of(read(parts.validation).argmax(1), parts.validation)
    record = {"validation": score.accuracy, "validated": len(score.right)}
    write_text(json.dumps({"fingerprint": mark, **record, **measured}, indent=1) + "\n", folder / RECORD)


def summary(recipe: Recipe, rows: Sequence[Row], out: Path) -> list[dict[str, Any]]:
    """What the finished folds of each row add up to; each is compared with the first of its method on the
    faces and seeds that both have, probabilities averaged over the seeds."""
    classes, lines = recipe.study.data.classes, []
    firsts: dict[bool, pd.DataFrame] = {}
    for row in rows:
        records, tables, mark = [], [], recipe.mark(row)
        for folder in sorted(out.glob(f"{row.name}/seed_*/fold_*")):
            record = finished(folder, mark, RECORD)
            if record is not None:
                records.append(record)
                seed = int(folder.parent.name.removeprefix("seed_"))
                tables.append(read_predictions(folder / "predictions.csv").assign(seed=seed))
        if not records:
            continue
        table = pd.concat(tables, ignore_index=True)
        right = table.predicted == table.expression
        line: dict[str, Any] = {
            "row": row.name,
            "folds": len(records),
            "validation": weighted_mean((record["validation"], record["validated"]) for record in records),
            "accuracy": float(right.mean()),
            "by_seed": {int(seed): float(part.mean()) for seed, part in right.groupby(table.seed)},
        }
        first = firsts.setdefault(row in BASELINE, table)
        if first is not table:
            line |= _against(table, first, classes)
        scores = normalised_scores(table, classes)
        line["normalised"] = None if scores is None else scores["accuracy"]
        probes = [record["person"] for record in records if "person" in record]
        for key, name in (("person", "accuracy"), ("chance", "chance")):
            line[key] = weighted_mean((probe[name], probe["faces"]) for probe in probes)
        pictures = [record for record in records if "pairs" in record]
        for key in ("ssim", "ssim_of_target"):
            line[key] = weighted_mean((record[key], record["pairs"]) for record in pictures)
        lines.append(line)
    return lines


def _against(table: pd.DataFrame, first: pd.DataFrame, classes: list[str]) -> dict[str, Any]:
    keys = ["seed", "path"]
    shared = table[keys].merge(first[keys], on=keys)
    if shared.empty:
        return {}
    ours, theirs = (averaged(part.merge(shared, on=keys), classes) for part in (table, first))
    both = ours.merge(theirs, on="path", suffixes=("", "_first"), validate="one_to_one")
    mine = (both.predicted == both.expression).to_numpy(dtype=bool)
    others = (both.predicted_first == both.expression).to_numpy(dtype=bool)
    test, gain = mcnemar(mine, others), people_difference(mine, others, people_of(both))
    return {
        "difference": gain.accuracy,
        "interval": as_list(gain.interval),
        "alone_right": [test.first_only, test.second_only],
        "p": test.p,
    }


def main(arguments: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m relgan.benchmark.recipe", description=__doc__)
    parser.add_argument("dataset")
    parser.add_argument("root", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--rows", default=",".join(ROWS), help="names with commas between; all if left out")
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--folds")
    parser.add_argument("--from", dest="start", help="weights that folds begin with")
    asked = parser.parse_args(arguments)
    strange = [name for name in asked.rows.split(",") if name not in ROWS]
    if strange:
        raise InputError(f"--rows {strange[0]}: unknown; there are {', '.join(ROWS)}")
    rows = [ROWS[name] for name in asked.rows.split(",")]
    config = preset("fast")
    start = starting_weights(asked.start, config.start)
    if start is None:
        raise InputError("--from scratch: rows depart from folds that begin with weights; name some")
    config = start.fitted(replace(config, start=asked.start or config.start))
    study = study_of(asked.dataset, asked.root, asked.out, align=config.align)
    recipe = Recipe(study, config, start, make_fabric(config.precision))
    folds = folds_to_run(study, None if asked.folds is None else numbers(asked.folds, "--folds"))
    for seed in numbers(asked.seeds, "--seeds"):
        for fold in folds.values():
            run_rows(recipe, rows, fold, seed, asked.out)
            print(f"seed {seed} fold {fold.index}", file=sys.stderr, flush=True)
    for line in summary(recipe, list(ROWS.values()), asked.out):
        print(json.dumps(line))


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except InputError as error:
        sys.exit(str(error))
