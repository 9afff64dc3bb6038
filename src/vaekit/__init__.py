"""vaekit: autoencoders as one design space."""

__version__ = "0.1.0.dev0"
