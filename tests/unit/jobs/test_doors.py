"""Which doors a job may open, and with which spec."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.jobs import DOORS, EngineSpec
from napari_aleatoric.jobs._doors import door_callable, door_target, spec_type, validated_spec
from napari_aleatoric.model import Spec


class PaceSpec(Spec):
    n: int = 3


class OtherSpec(Spec):
    n: int = 3


_DEFAULT = PaceSpec()


def by_default(ws: Any, spec: PaceSpec = _DEFAULT) -> None: ...


def by_annotation(ws: Any, spec: PaceSpec) -> None: ...


def without(ws: Any) -> None: ...


@pytest.fixture
def pace_door(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setitem(sys.modules, "pace_doors", sys.modules[__name__])
    monkeypatch.setenv("ALEATORIC_TEST_DOORS", "pace=pace_doors:by_default")
    return "pace"


@pytest.mark.parametrize("name", ["os:system", "napari_aleatoric.review:score_workspace", "", "__import__", "pace"])
def test_only_names_in_the_table_are_doors(name: str) -> None:
    with pytest.raises(NotFoundError, match=r"Known doors: .*score"):
        door_target(name)


def test_the_environment_cannot_replace_a_real_door(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALEATORIC_TEST_DOORS", "score=os:abort")
    assert door_target("score") == DOORS["score"]


def test_every_door_exists_and_takes_a_spec() -> None:
    for door in DOORS:
        fields = spec_type(door_callable(door)).model_fields
        needed = {name: "somewhere" for name, field in fields.items() if field.is_required()}
        assert validated_spec(door, needed).digest


def test_the_spec_type_is_that_of_the_door() -> None:
    assert spec_type(by_default) is PaceSpec
    assert spec_type(by_annotation) is PaceSpec
    with pytest.raises(DataError, match="must take a parameter 'spec'"):
        spec_type(without)


def test_specs_are_checked_before_anything_starts(pace_door: str) -> None:
    assert validated_spec(pace_door, {"n": 5}) == PaceSpec(n=5)
    assert validated_spec(pace_door, PaceSpec(n=6)) == PaceSpec(n=6)
    with pytest.raises(DataError, match="PaceSpec"):
        validated_spec(pace_door, {"steps": 5})
    with pytest.raises(DataError, match="expects a PaceSpec, got a OtherSpec"):
        validated_spec(pace_door, OtherSpec())


def test_tls_files_come_together_and_for_an_encrypted_address() -> None:
    with pytest.raises(ValueError, match="give all three or none"):
        EngineSpec(scheduler="tls://box:8786", tls_ca_file="ca.pem")
    files = {"tls_ca_file": "ca.pem", "tls_cert_file": "cert.pem", "tls_key_file": "key.pem"}
    with pytest.raises(ValueError, match="tls://"):
        EngineSpec(scheduler="tcp://box:8786", **files)
    assert EngineSpec(scheduler="tls://box:8786", **files).scheduler == "tls://box:8786"
