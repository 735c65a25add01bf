"""REL-GAN: identity-free facial expression codes by face reenactment (Ali and Hughes, 2020).

Nothing heavy is imported here; ``relgan.__version__`` and the command line come up without torch.
"""

__version__ = "0.1.0"
