"""The version of the package, written once: packaging reads it from here without importing torch."""

__version__ = "0.1.0"
