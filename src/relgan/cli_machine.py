"""The verbs for other machines and for this one: export, benchmark. Nothing heavy is imported here."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import tyro

from relgan.cli_words import File, Number, SomeWeights, optional
from relgan.errors import InputError


@dataclass(frozen=True)
class Export:
    """ONNX of the recogniser or the generator, checked against PyTorch (docs/export.md)."""

    out: File
    """File to write."""
    what: Literal["recogniser", "generator"] = "recogniser"
    """Aligned faces to probabilities and codes, or source and target to a picture."""
    weights: SomeWeights = None
    """Packaged weights (wild, synthetic), or a folder made by `relgan train`; wild where not given."""
    int8: bool = False
    """Quantise the recogniser: three tenths of the size, three times as fast; what it loses is printed."""


@dataclass(frozen=True)
class Benchmark:
    """A plain reference and this package side by side, and what the machine itself can do."""

    what: Annotated[
        tuple[Literal["train", "predict", "prepare", "video", "start", "growth"], ...],
        tyro.conf.Positional,
        optional(),
    ] = ()
    """What to measure; all but growth, which takes many minutes, where not given."""
    out: File = Path("benchmark.json")
    """JSON file to write."""
    weights: SomeWeights = None
    """Of the recogniser: packaged weights (wild, synthetic) or a folder; untrained ones where not given."""
    preset: Literal["fast", "paper"] = "paper"
    """Settings and sizes that are trained."""
    seconds: Number = 20.0
    """How long each side of a comparison runs."""
    device: Literal["cpu", "cuda"] = "cpu"
    """Where `train` trains; all else is measured on the CPU."""
    faces: Annotated[Path | None, optional("FOLDER|ZIP")] = None
    """Folder or .zip of photographs of one face each to make scenes of; packaged faces where not given."""


def export(verb: Export) -> None:
    from relgan.export import export as run
    from relgan.recognizer import DEFAULT_WEIGHTS
    from relgan.weights import load_or_packaged

    if verb.out.suffix.lower() != ".onnx":
        raise InputError(f"--out {verb.out}: ONNX files are called .onnx; choose such a name")
    weights = load_or_packaged(verb.weights, DEFAULT_WEIGHTS)
    source = verb.weights or DEFAULT_WEIGHTS
    done = run(weights, verb.out, what=verb.what, int8=verb.int8, source=source)
    print(f"{done.path}: {done.bytes / 1e6:.1f} MB, within {done.difference:.1g} of PyTorch")
    if done.agreement:
        a = done.agreement
        print(
            f"int8 against fp32 on {a['faces']:.0f} packaged synthetic faces: "
            f"accuracy {a['accuracy_int8']:.4f} against {a['accuracy_fp32']:.4f}, "
            f"same first choice {a['same_first_choice']:.4f}, "
            f"probabilities {a['mean_difference']:.4f} apart on average, "
            f"cosine of the codes {a['code_cosine']:.4f}"
        )


def benchmark(verb: Benchmark, command: str) -> None:
    if not verb.seconds > 0:
        raise InputError(f"--seconds {verb.seconds:g}: give more than 0")
    from relgan.benchmark import ALL
    from relgan.benchmark import benchmark as run
    from relgan.weights import load_weights

    run(
        verb.what or ALL,
        weights=None if verb.weights is None else load_weights(verb.weights),
        preset=verb.preset,
        seconds=verb.seconds,
        faces=verb.faces,
        device=verb.device,
        out=verb.out,
        command=command,
    )
    print(verb.out)
