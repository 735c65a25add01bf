"""People who show few expressions each, as in CK+: ``python -m relgan.benchmark.few PEOPLE --out DIR``.

PEOPLE is made by `relgan synthesize` with all expressions and a sitting for each. Of everyone one to six of
CK+'s seven expressions are kept, drawn in CK+'s proportions (327 sequences of 118 people; Lucey et al. 2010);
DIR is a folder like PEOPLE, for `relgan evaluate synthetic DIR`.
"""

import argparse
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd

from relgan.data.ckplus import SEQUENCES
from relgan.data.manifest import NAME, write_table
from relgan.errors import InputError

PEOPLE = 118
SHOWN = {1: 0.2, 2: 0.28, 3: 0.24, 4: 0.14, 5: 0.09, 6: 0.05}
"""How many people show how many expressions."""


def kept(table: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """The rows of a manifest that are left: those of a person and an expression together or not at all.

    Raises:
        InputError: somebody lacks one of the expressions.
    """
    generator = np.random.default_rng(seed)
    names = list(SEQUENCES)
    shares = np.array(list(SEQUENCES.values())) / sum(SEQUENCES.values())
    people = sorted(set(table.subject))[:PEOPLE]
    for person in people:
        missing = set(names) - set(table.expression[table.subject == person])
        if missing:
            raise InputError(f"{person} does not show {min(missing)}; render all expressions")
    counts = generator.choice(list(SHOWN), len(people), p=list(SHOWN.values()))
    parts = []
    for person, count in zip(people, counts, strict=True):
        for name in generator.choice(names, count, replace=False, p=shares):
            parts.append(table[(table.subject == person) & (table.expression == name)])
    left: pd.DataFrame = pd.concat(parts)
    return left


def thin_out(people: Path, out: Path, seed: int = 0) -> int:
    """Copies what :func:`kept` leaves to another folder.

    Returns:
        How many faces.

    Raises:
        InputError: `people` is no folder of `relgan synthesize`, `out` holds something, or somebody lacks one
            of the expressions.
    """
    manifest = people / NAME
    if not manifest.is_file():
        raise InputError(f"{people}: no {NAME}; make it with relgan synthesize")
    if out.exists() and any(out.iterdir()):
        raise InputError(f"--out {out}: holds something; choose an empty folder")
    rows = kept(pd.read_csv(manifest, keep_default_na=False, dtype=str), seed)
    (out / "faces").mkdir(parents=True, exist_ok=True)
    for path in rows.path:
        shutil.copyfile(people / path, out / path)
    columns = [str(name) for name in rows]
    return write_table(out / NAME, columns, (dict(zip(columns, row, strict=True)) for row in rows.to_numpy()))


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m relgan.benchmark.few", description=__doc__)
    parser.add_argument("people", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    print(f"{thin_out(options.people, options.out, options.seed)} faces in {options.out}")


if __name__ == "__main__":
    try:
        main()
    except InputError as error:
        sys.exit(str(error))
