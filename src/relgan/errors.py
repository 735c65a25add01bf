"""The one error a user is meant to see."""


class InputError(ValueError):
    """What the user gave cannot be used; the message is one line naming the file or option and the remedy.

    The command line prints it without a traceback and ends with exit status 2.
    """
