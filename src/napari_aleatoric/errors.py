"""Errors a user may meet.

Each text says what was expected, what came, and what to do. Every class also
inherits the builtin that a caller would think of first.
"""

from __future__ import annotations

__all__ = [
    "AleatoricError",
    "Cancelled",
    "DataError",
    "DownloadError",
    "GeometryMismatchError",
    "JobFailedError",
    "MissingExtraError",
    "NotFoundError",
    "StoreError",
    "StoreUnreachableError",
    "WorkspaceError",
]


class AleatoricError(Exception):
    """Base of all errors that carry a sentence for the user."""


class DataError(AleatoricError, ValueError):
    """A file or an array is not what it has to be."""


class GeometryMismatchError(DataError):
    """Two arrays that must share one grid do not."""


class DownloadError(AleatoricError, ConnectionError):
    """A file could not be brought from another computer."""


class NotFoundError(AleatoricError, LookupError):
    """A case, class, reader, measure or run of that name does not exist."""


class WorkspaceError(AleatoricError, RuntimeError):
    """The workspace cannot be opened, created or written."""


class StoreError(AleatoricError, RuntimeError):
    """The review store refused a write; nothing was changed."""


class StoreUnreachableError(StoreError, ConnectionError):
    """The server of the review store does not answer; whether a last write reached it is not known."""


class JobFailedError(AleatoricError, RuntimeError):
    """A background job ended without a result."""


class Cancelled(AleatoricError):
    """The user asked to stop, and the work stopped."""


class MissingExtraError(AleatoricError, ImportError):
    """An optional part is needed and not installed."""

    @classmethod
    def for_extra(cls, extra: str, purpose: str) -> MissingExtraError:
        """Build the error with the install command in its text.

        Parameters
        ----------
        extra : str
            Name of the extra in ``pyproject.toml``.
        purpose : str
            What it is needed for, as it follows "is needed to".
        """
        return cls(
            f"The extra '{extra}' is needed to {purpose}, and it is not installed. "
            f"Install it with: pip install 'napari-aleatoric[{extra}]'"
        )
