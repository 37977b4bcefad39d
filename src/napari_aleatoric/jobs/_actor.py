"""An object in a process of its own that is asked often: it keeps what is expensive to load."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
from typing import Any

from napari_aleatoric import errors
from napari_aleatoric.errors import AleatoricError, Cancelled, JobFailedError
from napari_aleatoric.model import Reporter

from ._actor_pipe import STEP, receive, send
from ._process import detached, exit_in_words, usable_cores

__all__ = ["Actor"]


class Actor:
    """Makes an object elsewhere on this machine and calls its methods.

    A network loaded into the window's own process would stop the window while libraries are loaded, share its
    memory, and take it along when it dies. The process ends with `close`, and by itself when this program ends.

    Parameters
    ----------
    factory : str
        ``"module:function"`` that makes the object; only functions of this package are meant.
    *arguments, **options
        For it; like arguments and results of methods they are copied.

    Raises
    ------
    AleatoricError
        What the factory raised, with the same words.
    JobFailedError
        If it raised anything else, or the process ended.
    """

    def __init__(self, factory: str, *arguments: Any, **options: Any) -> None:
        self._closed = False
        self._lock = threading.Lock()
        self._factory = (factory, arguments, options)
        self._process: subprocess.Popen[bytes] | None = None

    def open(self) -> None:
        """Start the process and make the object; takes as long as the factory."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", f"{__package__}._actor_child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            **detached(),
        )
        if self._closed:
            self.close()
        name, arguments, options = self._factory
        self._ask(name, arguments, options, None)

    def call(self, method: str, /, *arguments: Any, reporter: Reporter | None = None, **options: Any) -> Any:
        """Call a method, or read an attribute, and wait for the answer; one at a time, from any thread.

        Where a ``reporter`` is given, the method gets one by that name: its steps are told to this one, whose
        `Cancelled` stops the method there. The object stays as it is, and can be asked again.

        Raises
        ------
        Cancelled
            If the actor was closed, before or meanwhile, or the reporter said so.
        """
        return self._ask(method, arguments, options, reporter)

    def close(self) -> None:
        """End the process at once, from any thread; calls under way end with `Cancelled`."""
        self._closed = True
        process = self._process
        if process is None:
            return
        process.kill()
        process.wait()

    def _ask(
        self, method: str, arguments: tuple[Any, ...], options: dict[str, Any], reporter: Reporter | None
    ) -> Any:
        with self._lock:
            process = self._process
            if self._closed or process is None or process.stdin is None or process.stdout is None:
                raise Cancelled("The process was ended.")
            try:
                send(process.stdin, (method, arguments, options, reporter is not None))
                stopped: BaseException | None = None
                while (received := receive(process.stdout))[0] is STEP:
                    stopped = stopped or _told(reporter, received[1])
                    send(process.stdin, stopped is None)
                fine, answer = received
            except (OSError, EOFError, ValueError) as error:
                raise self._ended(process) from error
        if stopped is not None:
            raise stopped
        if fine:
            return answer
        raise _error(*answer)

    def _ended(self, process: subprocess.Popen[bytes]) -> AleatoricError:
        if self._closed:
            return Cancelled("The process was ended.")
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5)
        words = exit_in_words(process.poll())
        return JobFailedError(f"The process that does this {words}. Try again; memory may have run out.")


def _environment() -> dict[str, str]:
    """Leave one core to the window.

    Threads that wait for a core the window holds make a network five to ten times slower than one thread alone.
    """
    most = max(1, usable_cores() - 1)
    wish = os.environ.get("OMP_NUM_THREADS", "")
    threads = min(most, int(wish)) if wish.isdecimal() and int(wish) else most
    return {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}


def _told(reporter: Reporter | None, step: tuple[float, float, str]) -> BaseException | None:
    """Hand a step on; return what the reporter raised: the conversation with the process goes on to its end."""
    try:
        if reporter is not None:
            reporter.step(*step)
    except Exception as error:  # noqa: BLE001 - raised again where the method has ended
        return error
    return None


def _error(kind: str, words: str) -> Exception:
    """Make an error of the same class, if it is one of ours."""
    found = getattr(errors, kind, None)
    if isinstance(found, type) and issubclass(found, AleatoricError):
        return found(words)
    return JobFailedError(f"{kind}: {words}")
