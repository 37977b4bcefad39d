"""One small workspace for all tests of the command line."""

from __future__ import annotations

import json

import pytest

from napari_aleatoric.cli._main import run
from napari_aleatoric.samples import SampleSpec, write_samples


@pytest.fixture(scope="session")
def dataset(tmp_path_factory):
    """Six tiny abdomens, three of them with a planted error."""
    folder = tmp_path_factory.mktemp("cli") / "cases"
    write_samples(folder, SampleSpec(n_cases=6, matrix=40, error_fraction=0.5))
    return folder


@pytest.fixture
def call(capsys):
    """Run a command in this process; gives (exit status, standard output, standard error)."""

    def _call(*arguments):
        capsys.readouterr()
        status = run([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return status, out, err

    return _call


@pytest.fixture
def call_json(call):
    """Run a command with ``--json`` that has to succeed; gives the document."""

    def _call(*arguments):
        status, out, err = call(*arguments, "--json")
        assert status == 0, err
        return json.loads(out)

    return _call


@pytest.fixture
def workspace(dataset, tmp_path, call):
    """A fresh workspace without scores."""
    root = tmp_path / "review"
    status, _, err = call("init", dataset, "--workspace", root)
    assert status == 0, err
    return root
