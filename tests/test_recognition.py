"""Stage 2 and the baseline: frozen codes, test-time views, the best step on the validation fold."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from relgan import baseline as training_of_baseline
from relgan.baseline import TrainedBaseline, baseline_score, predict_baseline, train_baseline
from relgan.config import BaselineConfig, Config, RecognitionConfig
from relgan.data.augment import TEST_VIEWS, VARIANTS
from relgan.data.tensors import FaceTensors
from relgan.errors import InputError
from relgan.models import ExpressionEncoder, initialise
from relgan.recognition import classify, encode, predict_codes, train_classifier, training_views, views_for
from relgan.training import make_fabric

Drawn = Callable[..., FaceTensors]
CONFIG = Config(
    size=32,
    precision="32-true",
    baseline=BaselineConfig(
        epochs=100, max_steps=60, batch_size=16, learning_rate=1e-3, expand=False, choices=3
    ),
)


def encoder() -> ExpressionEncoder:
    network = ExpressionEncoder(32)
    initialise(network, torch.Generator().manual_seed(0))
    return network


def test_codes_do_not_depend_on_neighbours_nor_move_the_encoder(drawn: Drawn) -> None:
    data, network = drawn(people=3), encoder().train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    codes = encode(network, data, TEST_VIEWS, 32)
    alone = encode(network, data.subset([4]), TEST_VIEWS, 32)
    assert codes.shape == (len(data), 10, 30)
    assert torch.allclose(codes[4], alone[0], atol=1e-5)
    assert all(torch.equal(before[key], value) for key, value in network.state_dict().items())


def test_the_classifier_learns_separable_codes_and_follows_its_seed() -> None:
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(60) % 3
    codes = torch.nn.functional.one_hot(labels, 30).float()[:, None] * 3
    codes = codes + 0.3 * torch.randn(60, 4, 30, generator=generator)
    config = RecognitionConfig(epochs=20)
    first, again = (train_classifier(codes, labels, 3, config, seed=0) for _ in range(2))
    assert (classify(first, codes).argmax(1) == labels.numpy()).mean() == 1
    for a, b in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(a, b)


def test_a_killed_baseline_goes_on_to_the_same_result(
    drawn: Drawn, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data, fabric = drawn(people=6), make_fabric("32-true", "cpu")
    train, test = data.subset(range(len(data) - 6)), data.subset(range(len(data) - 6, len(data)))

    def run(name: str) -> TrainedBaseline:
        return train_baseline(
            train, CONFIG, seed=0, out=tmp_path / name, fabric=fabric, held_out=test, start=start
        )

    start = train_baseline(test, CONFIG, seed=1, out=tmp_path / "start", fabric=fabric).model
    whole = run("whole")
    monkeypatch.setattr(training_of_baseline, "CHECKPOINT_SECONDS", 0.0)
    original, calls = training_of_baseline.masked_cross_entropy, 0

    def dying(*arguments: Tensor) -> Tensor:
        nonlocal calls
        calls += 1
        if calls == 47:
            raise KeyboardInterrupt
        return original(*arguments)

    monkeypatch.setattr(training_of_baseline, "masked_cross_entropy", dying)
    with pytest.raises(KeyboardInterrupt):
        run("killed")
    resumed = run("killed")
    assert calls == 61  # of 60 steps
    again = run("killed")
    assert calls == 61
    for other in (resumed, again):
        assert (other.step, other.steps, other.validation) == (whole.step, whole.steps, whole.validation)
        for a, b in zip(whole.model.state_dict().values(), other.model.state_dict().values(), strict=True):
            assert torch.equal(a, b)
    lines = [(tmp_path / name / "log.jsonl").read_text().splitlines() for name in ("whole", "killed")]
    assert [json.loads(line)["step"] for line in lines[0]] == [json.loads(line)["step"] for line in lines[1]]
    with pytest.raises(InputError, match="other settings or faces"):
        train_baseline(train, CONFIG, seed=5, out=tmp_path / "killed", fabric=fabric, held_out=test)


def test_unlabelled_codes_take_no_part() -> None:
    labels = torch.tensor([0, 1] * 10 + [-1] * 5)
    codes = torch.randn(25, 2, 30, generator=torch.Generator().manual_seed(0))
    poisoned = codes.clone()
    poisoned[20:] = 1e6
    config = RecognitionConfig(epochs=2)
    clean, other = (train_classifier(c, labels, 2, config, seed=0) for c in (codes, poisoned))
    assert all(torch.equal(a, b) for a, b in zip(clean.parameters(), other.parameters(), strict=True))


def test_probabilities_are_the_mean_over_test_views(drawn: Drawn) -> None:
    data, network, fabric = drawn(people=3), encoder(), make_fabric("32-true", "cpu")
    codes = encode(network, data, TEST_VIEWS, 32)
    classifier = train_classifier(codes, data.expression, 3, RecognitionConfig(epochs=1), seed=0)
    probabilities = predict_codes(network, classifier, data, 32, fabric)
    by_hand = torch.stack([classifier(codes[:, view]).softmax(-1) for view in range(10)]).mean(0)
    assert torch.allclose(torch.from_numpy(probabilities), by_hand, atol=1e-5)


def test_training_views_are_spread_and_never_test_views() -> None:
    assert training_views(40) == tuple(range(VARIANTS))
    assert len(set(training_views(20))) == 20
    assert max(training_views(7)) < VARIANTS


def test_large_sets_give_fewer_views_of_each_face() -> None:
    config = RecognitionConfig(variants=20)
    assert len(views_for(100, config)) == 20
    assert len(views_for(50_000, config)) == 4
    assert len(views_for(10**6, config)) == 1


@pytest.fixture(scope="module")
def baseline_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("baseline")


def test_the_baseline_learns_drawn_expressions_of_other_people(drawn: Drawn, baseline_folder: Path) -> None:
    data, fabric = drawn(people=8), make_fabric("32-true", "cpu")
    strangers = [i for i, face in enumerate(data.faces) if face.subject in {"p06", "p07"}]
    train = data.subset([i for i in range(len(data)) if i not in strangers])
    test = data.subset(strangers)
    trained = train_baseline(train, CONFIG, seed=0, out=baseline_folder, fabric=fabric, held_out=test)
    assert trained.validation == pytest.approx(baseline_score(trained.model, test, 32, fabric).accuracy)
    assert trained.validation > 0.6
    assert trained.step in {20, 40, 60}
    probabilities = predict_baseline(trained.model, test, 32, fabric)
    assert probabilities.shape == (12, 3)
    assert probabilities.sum(1) == pytest.approx(1, abs=1e-4)
    assert (baseline_folder / "log.jsonl").read_text().count("\n") == 6
