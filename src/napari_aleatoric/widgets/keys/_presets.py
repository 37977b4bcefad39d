"""Whole tables of keys to begin with."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["PRESETS"]

PRESETS: Mapping[str, Mapping[str, str]] = {
    "napari-like": {},
    "PACS-like": {
        "next_item": "PgDown",
        "previous_item": "PgUp",
        "page_on": "Shift+PgDown",
        "page_back": "Shift+PgUp",
        "jump_hottest": "Alt+Right",
        "jump_back": "Alt+Left",
        "accept": "Ctrl+Return",
        "correct": "Ctrl+D",
        "measure_distance": "D",
    },
}
"""Changes against the defaults by name of the preset. The second is our proposal of what hands know from viewing
stations, as far as napari leaves the keys free: pages go from case to case, a verdict takes two keys at once."""
