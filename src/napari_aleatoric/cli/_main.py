"""Run a verb; turn every ending into an exit status and at most one sentence."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext

from napari_aleatoric.errors import AleatoricError, Cancelled

from ._app import app
from ._refused import plainly, reasons
from ._terminal import complain, plain_warnings

__all__ = ["FAILED", "INTERRUPTED", "WRONG_USE", "main", "run"]

FAILED, WRONG_USE, INTERRUPTED = 1, 2, 130
"""Exit statuses besides 0: the work failed; the command was not understood; stopped by the user."""

_GOES_ON = "What was finished is kept; the same command goes on from there."
_ANEW = "Nothing of it was kept; the same command begins anew."
_STOPPED = {
    **dict.fromkeys(("demo", "score", "calibrate", "train", "predict", "weights", "finetune-clip"), _GOES_ON),
    **dict.fromkeys(("init", "export", "filter", "readers"), _ANEW),
    "samples": "The set is not complete; the same command draws it anew.",
}
"""What is left of a verb's work when it was stopped."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; those of the process by default.
    """
    sys.exit(run(sys.argv[1:] if arguments is None else arguments))


def run(arguments: Sequence[str]) -> int:
    """Run the command line and return the exit status.

    ``--debug`` anywhere shows the traceback of an error, and where warnings come from.
    """
    given = list(arguments)
    end = given.index("--") if "--" in given else len(given)
    debug = "--debug" in given[:end]
    given = [a for i, a in enumerate(given) if i >= end or a != "--debug"]
    try:
        with nullcontext() if debug else plain_warnings():
            return _status_of(app(args=given, prog_name="aleatoric", standalone_mode=False))
    except (KeyboardInterrupt, Cancelled):
        complain(f"Stopped. {_STOPPED.get(given[0] if given else '', '')}")
        return INTERRUPTED
    except BrokenPipeError:  # the reader of our output has enough
        sys.stderr.close()
        return FAILED
    except Exception as error:  # noqa: BLE001 (the last door: every error becomes a sentence)
        return _explain(error, debug)


def _status_of(value: object) -> int:
    return value if isinstance(value, int) else 0


def _explain(error: Exception, debug: bool) -> int:
    wrong_use = getattr(error, "format_message", None)  # an error of the command line itself
    if wrong_use is not None:
        said = plainly(wrong_use()).rstrip(".")
        complain(f"{said}. See: aleatoric --help" if said else "See: aleatoric --help")
        return WRONG_USE
    if type(error).__name__ == "Abort":
        complain("Stopped.")
        return INTERRUPTED
    if debug:
        from rich.console import Console

        Console(stderr=True, width=116).print_exception(show_locals=False)
        return FAILED
    if isinstance(error, AleatoricError):
        complain(reasons(error))
    elif isinstance(error, OSError):
        name = f" '{error.filename}'" if error.filename else ""
        complain(f"The system refused{name}: {error.strerror or error}.")
    else:
        text = " ".join(str(error).split())
        complain(f"Unexpected {type(error).__name__}: {text} (run again with --debug for the traceback)")
    return FAILED
