"""The command line: each verb one door."""

from ._main import main

__all__ = ["main"]
