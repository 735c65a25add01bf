"""REL-GAN: identity-free facial expression codes by face reenactment (Ali and Hughes, 2020).

Nothing heavy is imported here; ``relgan.__version__`` and the command line come up without torch.
``Recognizer`` and ``Reenactor`` are imported when they are asked for.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from relgan.recognizer import Recognizer
    from relgan.reenactor import Reenactor

__version__ = "0.1.0"
__all__ = ["Recognizer", "Reenactor", "__version__"]


def __getattr__(name: str) -> Any:
    if name == "Recognizer":
        from relgan.recognizer import Recognizer

        return Recognizer
    if name == "Reenactor":
        from relgan.reenactor import Reenactor

        return Reenactor
    raise AttributeError(f"module 'relgan' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
