"""What may be chosen about the loss, and when its parts begin."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from napari_aleatoric.training import LossSpec


def test_it_goes_to_json_and_back():
    spec = LossSpec(kind="duo", alpha=0.7, denoise=True)
    assert LossSpec.model_validate_json(spec.model_dump_json()) == spec
    assert spec.changed() == {"kind": "duo", "alpha": 0.7, "denoise": True}


@pytest.mark.parametrize(
    "wrong",
    [{"alpha": -0.1}, {"beta": 1.1}, {"warm_up": -1}, {"smooth": 0}, {"rho": 0}, {"kind": "bce"}, {"gamma": 2}],
)
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValidationError):
        LossSpec(**wrong)


def test_denoising_is_refused_where_it_is_not_defined():
    with pytest.raises(ValidationError, match="choose one of the two"):
        LossSpec(kind="umedsam", denoise=True)


def test_the_strength_waits_and_then_grows():
    spec = LossSpec(warm_up=0.2, ramp=0.4)
    assert [spec.strength(part) for part in (0, 0.19, 0.2, 0.4, 0.6, 1)] == pytest.approx([0, 0, 0, 0.5, 1, 1])
    assert LossSpec(warm_up=0.2, ramp=0).strength(0.2) == 1
    assert LossSpec(warm_up=0, ramp=0).strength(0) == 1


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0, 1), st.floats(0, 1))
def test_the_strength_never_falls(warm_up, ramp, first, second):
    spec = LossSpec(warm_up=warm_up, ramp=ramp)
    low, high = spec.strength(min(first, second)), spec.strength(max(first, second))
    assert 0 <= low <= high <= 1
