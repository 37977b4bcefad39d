from __future__ import annotations

import hashlib
from collections.abc import Callable

import nibabel
import numpy as np
import pytest
from sqlalchemy import create_engine

from napari_aleatoric.errors import DataError, GeometryMismatchError, NotFoundError, StoreError
from napari_aleatoric.io import Workspace
from napari_aleatoric.model import ClassTable, Decision, Geometry, ItemKey, LabelMap, Verdict
from napari_aleatoric.review import (
    PromptUse,
    ReviewStore,
    StrokeJournal,
    corrections,
    current_label,
    diff,
    label_hash,
    load_correction,
    prompt_words,
    recover,
    restore,
    save_correction,
)

CLASSES = ClassTable.from_names({1: "liver", 3: "tumour"})


def painted(label: LabelMap, value: int, z: int = 0) -> LabelMap:
    data = label.data.copy()
    data[z, :2, :3] = value
    return LabelMap(data, label.geometry)


def files_of(workspace: Workspace) -> dict[str, str]:
    root = workspace.dataset_root
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in root.rglob("*") if p.is_file()}


def test_an_upright_label_is_written_on_the_original_grid(
    workspace: Workspace, store: ReviewStore, key: ItemKey
) -> None:
    before = files_of(workspace)
    original = current_label(workspace, store, key)
    upright = painted(original.upright(), 3)
    assert upright.data.shape != original.data.shape
    saved = save_correction(workspace, store, key, upright, reader="Zoë", comment="tail")
    path = workspace.corrections_dir / saved.file
    theirs = nibabel.load(path)
    source = nibabel.load(workspace.dataset.case("case_1").image)
    np.testing.assert_allclose(theirs.affine, source.affine, atol=1e-6)
    assert theirs.shape == source.shape
    now = current_label(workspace, store, key)
    assert now.geometry == original.geometry == saved.geometry
    np.testing.assert_array_equal(now.upright().data, upright.data)
    np.testing.assert_array_equal(np.asarray(theirs.dataobj).T, now.data)
    assert saved.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert saved.label_hash == label_hash(upright) == label_hash(now)
    assert files_of(workspace) == before
    assert store.latest_correction(key) == saved
    assert corrections(store, key) == [saved]
    assert (
        current_label(workspace, store, ItemKey("case_0")).content_hash
        == workspace.load_label("case_0").content_hash
    )


def test_history_and_restore_only_append(workspace: Workspace, store: ReviewStore, key: ItemKey) -> None:
    original = current_label(workspace, store, key)
    first = save_correction(workspace, store, key, painted(original, 1), reader="A")
    second = save_correction(workspace, store, key, painted(original, 3), reader="B")
    assert [c.follows for c in corrections(store, key)] == [None, first.correction_id]
    back = restore(workspace, store, key, first.correction_id, "C")
    assert (back.restores, back.follows, back.file, back.reader) == (
        first.correction_id,
        second.correction_id,
        first.file,
        "C",
    )
    assert label_hash(current_label(workspace, store, key)) == first.label_hash
    restore(workspace, store, key, None, "C")
    assert label_hash(current_label(workspace, store, key)) == label_hash(original)
    restore(workspace, store, key, second.correction_id, "C")
    assert label_hash(current_label(workspace, store, key)) == second.label_hash
    history = corrections(store, key)
    assert [c.label_hash for c in history] == [
        first.label_hash,
        second.label_hash,
        first.label_hash,
        label_hash(original),
        second.label_hash,
    ]
    assert len({c.correction_id for c in history}) == 5
    with pytest.raises(NotFoundError, match="no saved version"):
        restore(workspace, store, key, "0" * 32, "C")
    with pytest.raises(NotFoundError, match="no saved version"):
        restore(workspace, store, ItemKey("case_2"), first.correction_id, "C")


def test_labels_of_several_readers_stay_apart(make_workspace: Callable[..., Workspace]) -> None:
    workspace = make_workspace(n=1, readers=("Ann", "ann"))
    with ReviewStore.open(workspace.store_url) as store:
        store.sync_items(workspace.dataset.items, workspace.fingerprints())
        keys = [ItemKey("case_0", "Ann"), ItemKey("case_0", "ann")]
        for value, key in enumerate(keys, start=4):
            save_correction(workspace, store, key, painted(current_label(workspace, store, key), value), reader="R")
        for value, key in enumerate(keys, start=4):
            label = current_label(workspace, store, key)
            assert label.data[0, 0, 0] == value
            assert label.reader == key.label_reader


def test_a_label_on_another_grid_is_refused(workspace: Workspace, store: ReviewStore, key: ItemKey) -> None:
    shifted = Geometry((6, 7, 8), (1.5, 2.0, 3.0))
    with pytest.raises(GeometryMismatchError, match="another grid"):
        save_correction(workspace, store, key, LabelMap(np.zeros((6, 7, 8), np.uint8), shifted), reader="R")
    assert corrections(store, key) == []
    assert not list(workspace.corrections_dir.rglob("*.nii.gz"))


def test_a_machine_never_replaces_a_person(workspace: Workspace, store: ReviewStore, key: ItemKey) -> None:
    original = current_label(workspace, store, key)

    def by_machine(allowed_by: str | None = None):
        label = painted(original, 3, z=1)
        return save_correction(workspace, store, key, label, reader="job", machine="net 7", allowed_by=allowed_by)

    early = store.decide(Decision(case_id=key.case_id, reader="A", comment="the net may"))
    by_machine()  # over the original, and over another machine's
    by_machine()
    mine = save_correction(workspace, store, key, painted(original, 1), reader="A")
    n_files = len(list(workspace.corrections_dir.rglob("*.nii.gz")))
    for permission in (None, "0" * 32, early.decision_id):
        with pytest.raises(StoreError, match=r"drawn by a person \(A\)"):
            by_machine(permission)
    assert store.latest_correction(key) == mine
    assert len(list(workspace.corrections_dir.rglob("*.nii.gz"))) == n_files
    elsewhere = store.decide(Decision(case_id="case_2", reader="A", comment="the net may"))
    with pytest.raises(StoreError, match="drawn by a person"):
        by_machine(elsewhere.decision_id)
    yes = store.decide(Decision(case_id=key.case_id, reader="A", comment="take the net's"))
    assert by_machine(yes.decision_id) == store.latest_correction(key)
    restore(workspace, store, key, None, "A")  # a person wants the original
    with pytest.raises(StoreError, match="drawn by a person"):
        by_machine(yes.decision_id)


def test_a_changed_or_missing_file_is_noticed(workspace: Workspace, store: ReviewStore, key: ItemKey) -> None:
    label = current_label(workspace, store, key)
    saved = save_correction(workspace, store, key, painted(label, 1), reader="R")
    path = workspace.corrections_dir / saved.file
    content = path.read_bytes()
    path.write_bytes(content[:-1])
    with pytest.raises(DataError, match="changed or damaged"):
        load_correction(workspace, saved)
    path.unlink()
    with pytest.raises(DataError, match="not in the workspace any more"):
        current_label(workspace, store, key)
    restore(workspace, store, key, None, "R")
    assert label_hash(current_label(workspace, store, key)) == label_hash(label)
    with pytest.raises(DataError):
        restore(workspace, store, key, saved.correction_id, "R")
    assert len(corrections(store, key)) == 2


def test_an_unknown_item_leaves_no_file(workspace: Workspace, store: ReviewStore, key: ItemKey) -> None:
    label = current_label(workspace, store, key)
    with pytest.raises(NotFoundError):
        save_correction(workspace, store, ItemKey("case_1", "stranger"), label, reader="R")
    assert not list(workspace.corrections_dir.rglob("*.nii.gz"))


def test_label_hash_ignores_type_and_storage_but_no_voxel(workspace: Workspace) -> None:
    label = workspace.load_label("case_0")
    assert label_hash(label) == label_hash(LabelMap(label.data.astype(np.int64), label.geometry))
    assert label_hash(label) == label_hash(label.upright())
    data = label.data.copy()
    data[5, 6, 7] += 1
    assert label_hash(label) != label_hash(LabelMap(data, label.geometry))


def test_diff_counts_by_hand() -> None:
    geometry = Geometry((3, 4, 5), (1.0, 2.0, 5.0))
    a, b = np.zeros((3, 4, 5), np.uint8), np.zeros((3, 4, 5), np.uint16)
    a[0, 0, :4] = 1
    b[0, 0, 2:] = 1
    b[2, 1, 1] = 9  # no class
    found = diff(LabelMap(a, geometry), LabelMap(b, geometry), CLASSES)
    liver, tumour = found.classes
    assert (liver.voxels_before, liver.voxels_after, liver.voxels_added, liver.voxels_removed) == (4, 3, 1, 2)
    assert liver.dice == pytest.approx(2 * 2 / 7)
    assert (liver.ml_before, liver.ml_after) == (pytest.approx(0.04), pytest.approx(0.03))
    assert np.isnan(tumour.dice)
    assert found.n_changed == 4
    assert found.slice_range == (0, 2)
    assert not found.is_same
    assert diff(LabelMap(a, geometry), LabelMap(a, geometry), CLASSES).is_same


def test_diff_of_upright_and_stored(workspace: Workspace) -> None:
    label = workspace.load_label("case_0")
    assert diff(label, label.upright(), CLASSES).is_same
    changed = painted(label, 3)
    found = diff(label.upright(), changed, CLASSES)
    assert found.n_changed == np.count_nonzero(changed.data != label.data) > 0
    with pytest.raises(DataError, match="another grid"):
        diff(label, LabelMap(label.data, Geometry(label.data.shape)), CLASSES)


@pytest.mark.parametrize("named", ["id", "hash"])
def test_strokes_are_recovered_onto_their_own_version(
    workspace: Workspace, store: ReviewStore, key: ItemKey, named: str
) -> None:
    original = current_label(workspace, store, key).upright()
    first = save_correction(workspace, store, key, painted(original, 1), reader="A")
    base = current_label(workspace, store, key).upright()
    name = first.correction_id if named == "id" else label_hash(base)
    journal = StrokeJournal.open(workspace, key, "A", name, base.data.shape)
    index = np.flatnonzero(base.data.ravel() == 0)[:5]
    journal.append(index, old=0, new=300)
    journal.close()
    restore(workspace, store, key, None, "B")  # meanwhile somebody else changed the present version
    (pending,) = StrokeJournal.pending(workspace)
    found = recover(workspace, store, pending)
    assert found is not None
    expected = base.data.astype(int)
    expected.flat[index] = 300
    np.testing.assert_array_equal(found.data, expected)
    save_correction(workspace, store, key, found, reader="A")
    assert recover(workspace, store, pending) is None  # the present version holds them now


def test_recovery_on_the_original_and_on_an_unknown_version(
    workspace: Workspace, store: ReviewStore, key: ItemKey
) -> None:
    original = current_label(workspace, store, key).upright()
    for base in ("", label_hash(original), "nowhere"):
        journal = StrokeJournal.open(workspace, key, "A", base, original.data.shape)
        journal.append([0], old=0, new=7)
        journal.close()
    by_default, by_hash, unknown = StrokeJournal.pending(workspace)
    for pending in (by_default, by_hash):
        found = recover(workspace, store, pending)
        assert found is not None
        assert found.data.ravel()[0] == 7
    with pytest.raises(NotFoundError, match="not in the history"):
        recover(workspace, store, unknown)


def test_a_decision_names_the_version_it_belongs_to(workspace: Workspace, store: ReviewStore, key: ItemKey) -> None:
    saved = save_correction(workspace, store, key, painted(current_label(workspace, store, key), 1), reader="A")
    store.decide(
        Decision(case_id="case_1", reader="A", verdict=Verdict.CORRECTED, correction_id=saved.correction_id)
    )
    assert store.state(key).correction_id == saved.correction_id
    store.undo(key, "A")
    assert store.state(key).correction_id is None
    assert store.latest_correction(key) == saved  # the label stays until a version is restored


BOXES = PromptUse("sam-small", n_boxes=2, n_clicks=1)


def test_a_version_names_the_models_that_drew_in_it(workspace: Workspace, store: ReviewStore, key: ItemKey) -> None:
    label = current_label(workspace, store, key)
    by_hand = save_correction(workspace, store, key, painted(label, 1), reader="A")
    uses = [PromptUse("sam-vit-b", n_clicks=4), BOXES, PromptUse("sam-small", n_boxes=1)]
    drawn = save_correction(workspace, store, key, painted(label, 3), reader="A", prompts=uses)
    assert drawn.prompts == (PromptUse("sam-small", 3, 1), PromptUse("sam-vit-b", 0, 4))
    assert corrections(store, key) == [by_hand, drawn] == store.all_corrections()
    assert store.latest_correction(key) == drawn
    assert not drawn.machine, "a person pointed: the label stays a person's"
    other = ItemKey("case_2")
    save_correction(workspace, store, other, painted(current_label(workspace, store, other), 1), reader="A")
    assert corrections(store, other)[0].prompts == ()
    assert restore(workspace, store, key, drawn.correction_id, "B").prompts == drawn.prompts
    assert restore(workspace, store, key, None, "B").prompts == ()


def test_prompts_in_words() -> None:
    assert BOXES.sentence == "sam-small; 2 boxes, 1 click"
    assert prompt_words([BOXES, PromptUse("sam-vit-b", n_clicks=2)]) == (
        "sam-small; 2 boxes, 1 click + sam-vit-b; 2 clicks"
    )
    assert prompt_words([]) == ""


def test_a_store_from_before_prompts_were_noted(workspace: Workspace, store: ReviewStore, key: ItemKey) -> None:
    label = current_label(workspace, store, key)
    old = save_correction(workspace, store, key, painted(label, 1), reader="A")
    store.close()
    engine = create_engine(workspace.store_url)
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP TABLE correction_prompts")
    engine.dispose()
    with ReviewStore.open(workspace.store_url) as again:
        assert corrections(again, key) == [old]
        drawn = save_correction(workspace, again, key, painted(label, 3), reader="A", prompts=[BOXES])
        assert [c.prompts for c in corrections(again, key)] == [(), (BOXES,)]
    with ReviewStore.open(workspace.store_url) as again:
        assert again.latest_correction(key) == drawn
