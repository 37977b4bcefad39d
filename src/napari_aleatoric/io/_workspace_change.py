"""What a new look at a data set found."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["WorkspaceChange"]


@dataclass(frozen=True)
class WorkspaceChange:
    """What a new look at the data set's folder found.

    Parameters
    ----------
    added, removed, changed : tuple of str
        Case ids; "changed" means that a file of the case has another size or date, or that a reading of it was
        answered or withdrawn.
    classes_changed : bool
        Whether the table of classes is another one, so that scores must be made anew.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    classes_changed: bool = False

    def __bool__(self) -> bool:
        return bool(self.added or self.removed or self.changed or self.classes_changed)
