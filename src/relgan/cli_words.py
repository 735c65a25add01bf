"""What the help calls the values of options; those that may be left out are not shown as None."""

from pathlib import Path
from typing import Annotated

import tyro

Dataset = Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")]
Root = Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FOLDER|ZIP")]
Folder = Annotated[Path, tyro.conf.arg(metavar="FOLDER")]
File = Annotated[Path, tyro.conf.arg(metavar="FILE")]
FileName = Annotated[str, tyro.conf.arg(metavar="FILE")]
WeightsName = Annotated[str, tyro.conf.arg(metavar="NAME|FOLDER")]
Numbers = Annotated[str, tyro.conf.arg(metavar="N,N,...")]
Column = Annotated[str, tyro.conf.arg(metavar="COLUMN")]
Count = Annotated[int, tyro.conf.arg(metavar="N")]
Number = Annotated[float, tyro.conf.arg(metavar="X")]

SomeFolder = Annotated[Path | None, tyro.conf.arg(metavar="FOLDER", help_behavior_hint="")]
SomeFile = Annotated[Path | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="")]
SomeFileName = Annotated[str | None, tyro.conf.arg(metavar="FILE", help_behavior_hint="")]
SomeWeights = Annotated[str | None, tyro.conf.arg(metavar="NAME|FOLDER", help_behavior_hint="")]
SomeNumbers = Annotated[str | None, tyro.conf.arg(metavar="N,N,...", help_behavior_hint="")]
SomeNames = Annotated[str | None, tyro.conf.arg(metavar="NAME,NAME,...", help_behavior_hint="")]
SomeColumn = Annotated[str | None, tyro.conf.arg(metavar="COLUMN", help_behavior_hint="")]
SomePattern = Annotated[str | None, tyro.conf.arg(metavar="REGEX", help_behavior_hint="")]
SomeCount = Annotated[int | None, tyro.conf.arg(metavar="N", help_behavior_hint="")]
SomeNumber = Annotated[float | None, tyro.conf.arg(metavar="X", help_behavior_hint="")]
