"""The window that asks what a report shall hold."""

from __future__ import annotations

import pytest

from napari_aleatoric.review import ReportSpec
from napari_aleatoric.samples import SampleSpec, write_samples
from napari_aleatoric.session import open_path
from napari_aleatoric.widgets import hub_of
from napari_aleatoric.widgets.review import ReportWindow

pytestmark = pytest.mark.gui


@pytest.fixture
def hub(tmp_path, make_napari_viewer, qtbot):
    write_samples(tmp_path / "data", SampleSpec(n_cases=2, seed=1, matrix=32))
    workspace = open_path(tmp_path / "data", tmp_path / "review")
    hub = hub_of(make_napari_viewer(show=True))
    hub.open(workspace.root)
    qtbot.waitUntil(lambda: hub.session.item is not None, timeout=120_000)
    yield hub
    hub.close()


def test_what_is_ticked_is_the_spec(hub):
    hub.performers()["report_case"]()
    window = hub.window.findChild(ReportWindow)
    case_id = hub.session.item.key.case_id
    assert window.spec() == ReportSpec(
        cases=(case_id,),
        destination=window.folder.text(),
        reader=hub.session.reader,
        strategy=hub.session.queue.strategy,
    )
    window.identifiers.setChecked(True)
    assert not window.key_file.isEnabled()
    window.identifiers.setChecked(False)
    window.key_file.setChecked(True)
    window.comments.setChecked(False)
    assert (window.spec().key_file, window.spec().comments) == (True, False)
    assert not window.show_it.isEnabled()
    window.close()


def test_the_whole_review_and_every_control_has_words(hub):
    hub.performers()["report_review"]()
    window = hub.window.findChild(ReportWindow)
    assert window.spec().cases == ()
    window.what.setCurrentIndex(1)
    assert window.spec().cases == (hub.session.item.key.case_id,)
    controls = (window.what, window.folder, window.pdf, window.identifiers, window.key_file, window.comments)
    for control in (*controls, window.write, window.stop, window.show_it):
        assert control.toolTip()
        assert control.accessibleName() or control.text()
    window.close()
