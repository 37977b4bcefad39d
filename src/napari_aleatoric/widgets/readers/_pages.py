"""The pages of the *Readers* dock, from left to right: each is a module of this folder and a widget in it.

A page takes the hub of its window. Its window title is its tab's text; a page that sets another changes the tab.
"""

from __future__ import annotations

from importlib import import_module

from qtpy.QtWidgets import QWidget

from napari_aleatoric.widgets._hub import Hub

__all__ = ["PAGES", "make_pages"]

PAGES: tuple[tuple[str, str], ...] = (
    ("_readings_page", "ReadingsPage"),
    ("_differences_page", "DifferencesPage"),
    ("_agreement_page", "AgreementPage"),
)
"""Modules, loaded with the first dock, and the names of their widgets."""


def make_pages(hub: Hub) -> list[QWidget]:
    """Make every page, in order."""
    made: list[QWidget] = []
    for module, name in PAGES:
        made.append(getattr(import_module(f".{module}", __package__), name)(hub))
    return made
