"""The device of a name, or one line on why it cannot be had; and how many threads a CPU uses."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from relgan.errors import InputError

if TYPE_CHECKING:  # seconds to import
    import torch


def usable_device(name: str = "auto") -> "torch.device":
    """The torch device of a name; "auto" is the GPU if there is one.

    Raises:
        InputError: there is no such device here.
    """
    import torch

    if name == "auto":
        if torch.cuda.is_available():
            return torch.device("cuda")
        return torch.device("mps" if torch.backends.mps.is_available() else "cpu")
    kind = name.partition(":")[0]
    if kind not in ("cpu", "cuda", "mps"):
        raise InputError(f"--device {name}: unknown; take auto, cpu, cuda or mps")
    if kind == "mps" and not torch.backends.mps.is_available():
        raise InputError(f"--device {name}: there is no such GPU here; take cpu or auto")
    try:
        device = torch.device(name)
        torch.zeros(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise InputError(f"--device {name}: cannot be used here ({reason}); take cpu or auto") from error
    return device


@contextmanager
def one_thread() -> Iterator[None]:
    """Run small networks on one CPU thread: waking a second one costs them more than it computes."""
    import torch

    threads = torch.get_num_threads()
    if threads == 1:  # for good, or because another thread of ours is in here, which will undo it
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
