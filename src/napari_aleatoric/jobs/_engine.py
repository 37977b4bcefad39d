"""Dask `distributed`, here or elsewhere: the only module that starts or calls a scheduler."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any, Protocol, cast

from ._events import Event, make_event
from ._process import usable_cores
from ._spec import EngineSpec
from ._worker import killed_event, run_here, run_in_fresh_process

__all__ = ["ClusterEngine", "Engine", "LocalEngine", "engine_for", "thread_environment"]

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_LOOK_S = 0.05
_ITK_THREADS = "ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS"


def thread_environment(threads: int | None, environment: dict[str, str]) -> dict[str, str]:
    """Return how many threads the worker's libraries may use, as environment variables.

    Parameters
    ----------
    threads : int or None
        As chosen; None = all cores but one, which is left to the window.
    environment : dict
        What is set already; without a choice it is respected.
    """
    number = str(threads if threads is not None else max(1, usable_cores() - 1))
    names = (*_THREAD_VARIABLES, _ITK_THREADS)
    return {name: number if threads is not None else environment.get(name, number) for name in names}


class Engine(Protocol):
    """Carries out one order; blocking."""

    def run(self, run_id: str, order: dict[str, Any], on_event: Callable[[Event], None]) -> Event:
        """Return the terminal event; hand everything before it to ``on_event`` (from another thread)."""


class _Newest:
    """Lets through the events of the latest attempt only: an answer of a worker given up for lost is dropped."""

    def __init__(self, on_event: Callable[[Event], None]) -> None:
        self._on_event = on_event
        self._attempt = ""
        self.last_message = ""

    def __call__(self, published: tuple[float, dict[str, Any]]) -> None:
        content = published[1]
        event = content["event"]
        if event["kind"] == "worker":
            self._attempt = content["attempt"]
        if content["attempt"] != self._attempt:
            return
        if event["kind"] == "progress":
            self.last_message = event["message"]
        self._on_event(event)


def _submit(client: Any, run_id: str, function: Any, order: dict[str, Any], newest: _Newest, **how: Any) -> Any:
    topic = f"aleatoric-{run_id}"
    client.subscribe_topic(topic, newest)
    return client.submit(function, topic, order, key=topic, pure=False, retries=0, **how)


class LocalEngine:
    """A scheduler in this process and one worker process, on loopback, with TLS credentials that last as long.

    The worker is a plain child process: it may have children of its own, and its exit status is known.

    Parameters
    ----------
    spec : EngineSpec
        Number of threads.
    """

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec

    def run(self, run_id: str, order: dict[str, Any], on_event: Callable[[Event], None]) -> Event:
        """Start everything, carry out the order, and leave the stopping to whoever ends this process."""
        threads = thread_environment(self._spec.threads, dict(os.environ))
        worker = subprocess.Popen(
            [sys.executable, "-P", "-m", "napari_aleatoric.jobs._local_worker"],
            stdin=subprocess.PIPE,
            env={**os.environ, **threads},
        )
        self._tell(worker, {"door": order["door"]})
        cluster, tls = self._scheduler()
        self._tell(worker, {"address": cluster.scheduler_address, "tls": tls})

        import distributed

        api: Any = distributed
        newest = _Newest(on_event)
        future = _submit(api.Client(cluster), run_id, run_here, order, newest)
        done = threading.Event()
        future.add_done_callback(lambda _: done.set())
        while not done.wait(_LOOK_S):
            if worker.poll() is not None:
                return killed_event(worker.returncode, newest.last_message)
        try:
            outcome: Event = future.result()
        except api.KilledWorker:
            return killed_event(worker.wait(timeout=5.0), newest.last_message)
        return outcome

    def _tell(self, worker: subprocess.Popen[bytes], content: dict[str, Any]) -> None:
        assert worker.stdin is not None
        with contextlib.suppress(OSError):  # if it has ended, its exit status will tell
            worker.stdin.write(json.dumps(content).encode() + b"\n")
            worker.stdin.flush()

    def _scheduler(self) -> tuple[Any, dict[str, str]]:
        """Start a scheduler; return it and the credentials of a worker."""
        import dask
        import distributed
        import distributed.security

        api: Any = distributed  # only partly typed
        security: Any = distributed.security.Security
        for name in ("distributed", "tornado", "asyncio"):
            logging.getLogger(name).setLevel(logging.CRITICAL)  # our events say it better, and name no data
        dask.config.set(
            {
                "distributed.scheduler.allowed-failures": 0,
                "distributed.scheduler.worker-ttl": None,  # a library may hold the interpreter for minutes
                "distributed.scheduler.http.routes": [],
                "distributed.admin.tick.limit": "1h",
            }
        )
        credentials = security.temporary()
        cluster = api.LocalCluster(
            n_workers=0,
            processes=True,
            host="127.0.0.1",
            security=credentials,
            dashboard_address=None,
            scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
            silence_logs=logging.CRITICAL,
        )
        cluster.loop.add_callback(cluster.scheduler.http_server.stop)  # nobody shall be able to look at it
        names = ("tls_ca_file", "tls_worker_cert", "tls_worker_key")
        return cluster, {name: getattr(credentials, name) for name in names}


class ClusterEngine:
    """A scheduler that somebody else runs; the order is carried out in a fresh process on one of its workers.

    Parameters
    ----------
    spec : EngineSpec
        Address, TLS files, resources.
    """

    def __init__(self, spec: EngineSpec) -> None:
        self._spec = spec

    def run(self, run_id: str, order: dict[str, Any], on_event: Callable[[Event], None]) -> Event:
        """Connect and carry out the order; what goes wrong with the connection is the terminal event."""
        import distributed

        spec, api = self._spec, cast(Any, distributed)
        try:
            client = api.Client(
                spec.scheduler, security=self._security(), timeout=spec.connect_timeout_s, set_as_default=False
            )
        except (OSError, TimeoutError, ValueError) as error:
            return self._failed("NoScheduler", f"No Dask scheduler answered at {spec.scheduler} ({error}).")
        self._say_what_to_wait_for(client, on_event)
        newest = _Newest(on_event)
        how = {"resources": spec.resources} if spec.resources else {}
        try:
            order = {**order, "grace_s": spec.grace_s}
            outcome: Event = _submit(client, run_id, run_in_fresh_process, order, newest, **how).result()
            return outcome
        except api.KilledWorker as error:
            return self._failed("Killed", f"The cluster lost the worker that did the job ({error}).")
        except Exception as error:  # noqa: BLE001  the client raises many kinds when the scheduler goes away
            name = type(error).__name__
            return self._failed(name, f"The connection to the scheduler at {spec.scheduler} was lost ({name}).")

    def _security(self) -> Any:
        import distributed.security

        spec = self._spec
        security: Any = distributed.security.Security
        if spec.tls_ca_file is None:
            return None
        return security(
            tls_ca_file=str(spec.tls_ca_file),
            tls_client_cert=str(spec.tls_cert_file),
            tls_client_key=str(spec.tls_key_file),
            require_encryption=True,
        )

    def _failed(self, kind: str, message: str) -> Event:
        advice = "Check the scheduler, its address and the TLS files."
        return make_event("failed", type=kind, message=message, advice=advice, retry=True)

    def _say_what_to_wait_for(self, client: Any, on_event: Callable[[Event], None]) -> None:
        wanted = self._spec.resources
        workers = client.scheduler_info(n_workers=-1)["workers"].values()
        fitting = [w for w in workers if all(w["resources"].get(k, 0) >= v for k, v in wanted.items())]
        if not fitting:
            needs = ", ".join(f"{k}={v:g}" for k, v in wanted.items())
            text = f"None of the {len(workers)} workers there can take the job now"
            text += f" (it needs {needs}); it waits." if needs else "; it waits."
            on_event(make_event("log", level="warning", text=text))
        if not str(self._spec.scheduler).startswith("tls://"):
            text = "The connection to the scheduler is not encrypted; give it TLS files for work with patient data."
            on_event(make_event("log", level="warning", text=text))


def engine_for(spec: EngineSpec) -> Engine:
    """Return the engine that a spec asks for."""
    return ClusterEngine(spec) if spec.scheduler else LocalEngine(spec)
