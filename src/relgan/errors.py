"""The one error a user is meant to see, and lines that tell of several."""

from collections.abc import Sequence


class InputError(ValueError):
    """What the user gave cannot be used; the message is one line naming the file or option and the remedy.

    The command line prints it without a traceback and ends with exit status 2.
    """


def first_of(lines: Sequence[str]) -> str:
    """The first of some lines, and how many more there are."""
    return lines[0] + (f" (and {len(lines) - 1} more)" if len(lines) > 1 else "")
