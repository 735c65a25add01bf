"""What the help calls the values of options; those that may be left out are not shown as None."""

from pathlib import Path
from typing import Annotated, Any

import tyro


def optional(metavar: str | None = None) -> Any:
    """For ``Annotated``: what may be left out, its default not shown."""
    return tyro.conf.arg(metavar=metavar, help_behavior_hint="")


Dataset = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")]
Root = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER|ZIP")]
SomeRoot = Annotated[Path | None, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER|ZIP")]
Folder = Annotated[Path, tyro.conf.arg(metavar="FOLDER")]
File = Annotated[Path, tyro.conf.arg(metavar="FILE")]
FileName = Annotated[str, tyro.conf.arg(metavar="FILE")]
WeightsName = Annotated[str, tyro.conf.arg(metavar="NAME|FOLDER")]
Numbers = Annotated[str, tyro.conf.arg(metavar="N,N,...")]
Column = Annotated[str, tyro.conf.arg(metavar="COLUMN")]
Count = Annotated[int, tyro.conf.arg(metavar="N")]
Number = Annotated[float, tyro.conf.arg(metavar="X")]

SomeFolder = Annotated[Path | None, optional("FOLDER")]
SomeFile = Annotated[Path | None, optional("FILE")]
SomeFileName = Annotated[str | None, optional("FILE")]
SomeWeights = Annotated[str | None, optional("NAME|FOLDER")]
SomeNumbers = Annotated[str | None, optional("N,N,...")]
SomeNames = Annotated[str | None, optional("NAME,NAME,...")]
SomeColumn = Annotated[str | None, optional("COLUMN")]
SomePattern = Annotated[str | None, optional("REGEX")]
SomeCount = Annotated[int | None, optional("N")]
SomeNumber = Annotated[float | None, optional("X")]
