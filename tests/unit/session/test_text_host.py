"""Which text-image models can be chosen, and what to do about those that cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_aleatoric.foundation import TEXT_IMAGE_WEIGHTS, all_weights_store
from napari_aleatoric.session import text_model_choices


@pytest.fixture(autouse=True)
def all_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("napari_aleatoric.session._model_list.find_spec", lambda name: name)


def test_known_models_and_a_folder(tmp_path: Path) -> None:
    store, own = all_weights_store(tmp_path / "weights"), tmp_path / "mine"
    own.mkdir()
    choices = {each.name: each for each in text_model_choices(str(own), store)}
    assert set(choices) == {*TEXT_IMAGE_WEIGHTS, str(own)}, "segmenters see no words"
    assert not choices["biomedclip"].ready
    assert "Download it" in choices["biomedclip"].sentence
    assert not choices[str(own)].ready
    assert "open_clip_config.json" in choices[str(own)].sentence
    (own / "open_clip_config.json").write_text("{}")
    assert text_model_choices(str(own), store)[-1].ready
    assert [each.name for each in text_model_choices("", store)] == list(TEXT_IMAGE_WEIGHTS)


def test_what_is_not_installed_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    missing = {"open_clip"}
    monkeypatch.setattr(
        "napari_aleatoric.session._model_list.find_spec", lambda name: None if name in missing else name
    )
    for each in text_model_choices("", all_weights_store(tmp_path)):
        assert not each.ready
        assert "pip install" in each.sentence
