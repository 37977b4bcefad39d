"""Settings that a spec refuses, said as a person would: which one, what was expected, what came."""

from __future__ import annotations

from typing import Any

__all__ = ["plainly", "reasons"]

_SAID = {
    "Value error, ": "",
    "Input should be": "expected",
    ", unable to parse string as an integer": "",
    ", unable to parse string as a number": "",
    "less than or equal to": "at most",
    "greater than or equal to": "at least",
}


def plainly(text: str) -> str:
    """Say a check's own words, such as "Input should be greater than or equal to 1", as we would."""
    for before, after in _SAID.items():
        text = text.replace(before, after)
    return text


def reasons(error: Exception) -> str:
    """Say what an error says; where settings were refused, which ones and why.

    Parameters
    ----------
    error : Exception
        One that quotes the check of a spec, raised from it; of anything else its own text.
    """
    check = error.__cause__
    if check is None or not hasattr(check, "errors"):
        return str(error)
    return str(error).replace(str(check), f"{_reasons(check.errors())}.")


def _reasons(found: list[dict[str, Any]]) -> str:
    places = [tuple(one["loc"]) for one in found]
    # a list of which an entry was refused is then called too short as well
    told = [
        one
        for one, place in zip(found, places, strict=True)
        if not any(len(other) > len(place) and other[: len(place)] == place for other in places)
    ]
    return "; ".join(_in_words(one) for one in told)


def _in_words(one: dict[str, Any]) -> str:
    name = ".".join(part for part in one["loc"] if isinstance(part, str))
    if one["type"] == "extra_forbidden":
        return f"there is no setting '{name}'"
    words = plainly(str(one["msg"]))
    given = one.get("input")
    got = f", got {given!r}" if isinstance(given, bool | int | float | str) else ""
    return f"{name}: {words}{got}" if name else f"{words}{got}"
