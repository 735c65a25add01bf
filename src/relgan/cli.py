"""The command line: one verb, one function. Nothing heavy is imported before a verb is chosen."""

import shlex
import sys
from typing import Annotated

import tyro

import relgan
from relgan.cli_data import Check, Prepare, Synthesize, check, prepare, synthesize
from relgan.cli_machine import Benchmark, Export, benchmark, export
from relgan.cli_measure import Compare, Normalise, Probe, Test, compare, normalise, probe, test
from relgan.cli_train import Average, Demo, Evaluate, Pretrain, Train, average, demo, evaluate, train
from relgan.cli_use import Embed, Predict, Reenact, embed, predict, reenact
from relgan.errors import InputError

Verb = (
    Annotated[Check, tyro.conf.subcommand("check")]
    | Annotated[Prepare, tyro.conf.subcommand("prepare")]
    | Annotated[Evaluate, tyro.conf.subcommand("evaluate")]
    | Annotated[Pretrain, tyro.conf.subcommand("pretrain")]
    | Annotated[Train, tyro.conf.subcommand("train")]
    | Annotated[Average, tyro.conf.subcommand("average")]
    | Annotated[Predict, tyro.conf.subcommand("predict")]
    | Annotated[Embed, tyro.conf.subcommand("embed")]
    | Annotated[Reenact, tyro.conf.subcommand("reenact")]
    | Annotated[Test, tyro.conf.subcommand("test")]
    | Annotated[Probe, tyro.conf.subcommand("probe")]
    | Annotated[Compare, tyro.conf.subcommand("compare")]
    | Annotated[Normalise, tyro.conf.subcommand("normalise")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[Benchmark, tyro.conf.subcommand("benchmark")]
    | Annotated[Demo, tyro.conf.subcommand("demo")]
    | Annotated[Synthesize, tyro.conf.subcommand("synthesize")]
)


def main(arguments: list[str] | None = None) -> None:
    """Entry point of the command ``relgan``; bad input ends in one line and exit status 2."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if arguments in (["--version"], ["-V"]):
        print(f"relgan {relgan.__version__}")
        return
    verb: object = tyro.cli(
        Verb,
        prog="relgan",
        description="Identity-free facial expression codes: REL-GAN (Ali and Hughes 2020).",
        args=arguments,
        config=(tyro.conf.OmitArgPrefixes, tyro.conf.OmitSubcommandPrefixes),
    )
    try:
        if isinstance(verb, Check):
            check(verb)
        elif isinstance(verb, Prepare):
            prepare(verb)
        elif isinstance(verb, Evaluate):
            evaluate(verb, shlex.join(["relgan", *arguments]))
        elif isinstance(verb, Pretrain):
            train(verb, shlex.join(["relgan", *arguments]))
        elif isinstance(verb, Average):
            average(verb, shlex.join(["relgan", *arguments]))
        elif isinstance(verb, Predict):
            predict(verb)
        elif isinstance(verb, Embed):
            embed(verb)
        elif isinstance(verb, Reenact):
            reenact(verb)
        elif isinstance(verb, Test):
            test(verb, shlex.join(["relgan", *arguments]))
        elif isinstance(verb, Probe):
            probe(verb)
        elif isinstance(verb, Compare):
            compare(verb)
        elif isinstance(verb, Normalise):
            normalise(verb)
        elif isinstance(verb, Export):
            export(verb)
        elif isinstance(verb, Benchmark):
            benchmark(verb, shlex.join(["relgan", *arguments]))
        elif isinstance(verb, Demo):
            demo(verb, shlex.join(["relgan", *arguments]))
        elif isinstance(verb, Synthesize):
            synthesize(verb)
    except InputError as error:
        print(f"relgan: {' '.join(str(error).split())}", file=sys.stderr)
        raise SystemExit(2) from None
    except KeyboardInterrupt:
        print("relgan: stopped; the same command goes on from here", file=sys.stderr)
        raise SystemExit(130) from None


if __name__ == "__main__":
    main()
