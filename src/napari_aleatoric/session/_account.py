"""Who sits here, as far as the computer knows."""

from __future__ import annotations

import getpass

__all__ = ["account_name"]


def account_name() -> str:
    """Return the name of the account; "reader" where there is none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "reader"
