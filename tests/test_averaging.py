"""The mean of weights: of each float, with a card that says of what; unlike weights are refused."""

from pathlib import Path

import pytest
import torch

from relgan.averaging import average
from relgan.cli import main
from relgan.errors import InputError
from relgan.models import Baseline, Classifier, Discriminator, Generator, initialise
from relgan.weights import Weights, load_weights, save_weights


def trained(
    folder: Path,
    seed: int,
    people: int = 5,
    dataset: str | None = "drawn",
    features: int = 12,
    start: Weights | None = None,
) -> Weights:
    source = torch.Generator().manual_seed(seed)
    generator, classifier = Generator(32, width=0.25), Classifier(2, hidden=16)
    baseline, discriminator = Baseline(2, 32, features, width=0.25), Discriminator(2, people, 32)
    for network in (generator, classifier, baseline, discriminator):
        initialise(network, source)
    save_weights(
        folder,
        generator,
        ["anger", "fear"],
        {
            "dataset": dataset,
            "start": start and start.digest()[:16],
            "ancestors": sorted({*start.ancestors(), start.digest()[:16]}) if start else [],
            "command": f"relgan train {seed}",
        },
        classifier=classifier,
        baseline=baseline,
        discriminator=discriminator,
    )
    return load_weights(folder)


def test_every_float_is_the_mean_and_the_discriminator_that_of_the_last(tmp_path: Path) -> None:
    first = trained(tmp_path / "a", 0)
    second = trained(tmp_path / "b", 1, people=7, dataset="synthetic + drawn")
    main(["average", str(tmp_path / "a"), str(tmp_path / "b"), "--out", str(tmp_path / "mean")])
    mean = load_weights(tmp_path / "mean")
    for name in ("generator", "classifier", "baseline"):
        one, other, both = (getattr(weights, name).state_dict() for weights in (first, second, mean))
        for key, value in both.items():
            if value.is_floating_point():
                torch.testing.assert_close(value, (one[key] + other[key]) / 2, msg=key)
    assert mean.discriminator is not None
    assert second.discriminator is not None
    for key, value in mean.discriminator.state_dict().items():
        assert torch.equal(value, second.discriminator.state_dict()[key])
    told = mean.card.provenance
    assert told["dataset"] == "drawn + synthetic"
    assert [part["command"] for part in told["averaged"]] == ["relgan train 0", "relgan train 1"]
    assert told["command"].startswith("relgan average")


def test_weights_that_began_apart_are_told_of_and_kin_are_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first = trained(tmp_path / "a", 0)
    trained(tmp_path / "b", 1, start=first)
    trained(tmp_path / "c", 2, dataset=None)
    a, b, c = (str(tmp_path / name) for name in "abc")
    main(["average", a, b, "--out", str(tmp_path / "ab")])
    assert "warning" not in capsys.readouterr().err
    # Of the mean's own, a child and a grandchild are kin to whatever the mean is of.
    child = trained(tmp_path / "d", 3, start=load_weights(tmp_path / "ab"))
    trained(tmp_path / "e", 4, start=child)
    for young in ("d", "e"):
        main(["average", b, str(tmp_path / young), "--out", str(tmp_path / f"b{young}")])
    assert "warning" not in capsys.readouterr().err
    main(["average", a, b, c, "--out", str(tmp_path / "abc")])
    warned = capsys.readouterr().err
    assert f"{c}: did not go on from the others" in warned
    assert warned.count("did not go on") == 1
    assert load_weights(tmp_path / "abc").card.provenance["dataset"] == "drawn"


def test_what_cannot_be_averaged_is_refused_in_a_line_that_names_it(tmp_path: Path) -> None:
    trained(tmp_path / "a", 0)
    trained(tmp_path / "other", 0, features=30)
    names = [str(tmp_path / name) for name in ("a", "other")]
    with pytest.raises(InputError, match=r"a: features 12, but .*other has 30"):
        average(names, tmp_path / "mean")
    with pytest.raises(InputError, match="two weights or more"):
        average(names[:1], tmp_path / "mean")
    with pytest.raises(InputError, match="holds weights already"):
        average([names[0], names[0]], tmp_path / "a")
    assert not (tmp_path / "mean").exists()


def test_weights_without_a_classifier_do_not_mix_with_those_that_have_one(tmp_path: Path) -> None:
    weights = trained(tmp_path / "a", 0)
    save_weights(tmp_path / "bare", weights.generator, ["anger", "fear"], {}, baseline=weights.baseline)
    names = [str(tmp_path / name) for name in ("bare", "a")]
    with pytest.raises(InputError, match="bare: holds other networks"):
        average(names, tmp_path / "mean")
