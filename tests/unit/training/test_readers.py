"""Which labels are learned from where an image has those of several readers; no torch."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError

from napari_aleatoric.review import RetrainSpec
from napari_aleatoric.training import LossSpec, TrainSpec, UmaSpec, learned_labels, shelf_name

NAMES = ("random", "each", "vote", "staple", "uma")


def three_readers() -> np.ndarray:
    """Three boxes; the first two agree on 4 columns, the third is elsewhere."""
    labels = np.zeros((3, 4, 8, 8), np.uint16)
    labels[0, 1:3, 2:6, 1:6] = 1
    labels[1, 1:3, 2:6, 2:7] = 1
    labels[2, 1:3, 2:6, 5:8] = 1
    return labels


def test_one_label_of_all_by_vote_and_by_staple_all_labels_otherwise():
    labels = three_readers()
    vote = learned_labels(labels, "vote")
    assert vote.shape == (1, 4, 8, 8)
    assert np.array_equal(vote[0], labels.sum(axis=0) >= 2)
    assert learned_labels(labels, "staple").shape == (1, 4, 8, 8)
    for name in ("random", "each", "uma"):
        assert learned_labels(labels, name) is labels
    missing, empty = learned_labels(labels[:2], "vote"), labels.copy()
    empty[2] = 0
    assert np.array_equal(missing[0], labels[0] & labels[1])  # two readers: both have to agree
    assert np.array_equal(learned_labels(empty, "vote")[0], labels[0] & labels[1])
    one_is_empty = labels[1:].copy()
    one_is_empty[1] = 0
    assert not learned_labels(one_is_empty, "vote").any()  # an empty label says no, a missing one says nothing
    assert np.array_equal(learned_labels(labels[1:2], "vote"), labels[1:2])


def test_other_labels_lie_under_other_names():
    names = [shelf_name("case", name) for name in NAMES]
    assert names == ["case", "case", "case-vote", "case-staple", "case"]


def test_settings_of_before_keep_their_digest():
    # what was trained before there was a choice of readers is known again
    assert TrainSpec().digest == "5b2efae6f56ab8a7"
    assert TrainSpec.of_preset("quick", seed=3).digest == "88ca574a517f4341"
    assert TrainSpec(uma=UmaSpec(width=16)).digest == TrainSpec().digest
    others = {TrainSpec(readers=name).digest for name in NAMES}
    assert len(others) == len(NAMES)
    assert TrainSpec(readers="uma", uma=UmaSpec(route=True)).digest not in others
    assert TrainSpec(readers="vote", uma=UmaSpec(route=False)).digest == TrainSpec(readers="vote").digest


@pytest.mark.parametrize("loss", [LossSpec(denoise=True), LossSpec(sharpness_aware=True)])
def test_two_ways_of_finding_wrong_labels_are_refused(loss):
    with pytest.raises(ValidationError, match="leave these out, or choose other readers"):
        TrainSpec(readers="uma", loss=loss)
    assert TrainSpec(readers="vote", loss=loss).loss == loss


def test_a_choice_of_readers_is_not_the_plain_training():
    plain = RetrainSpec()
    chosen = RetrainSpec(train=TrainSpec(readers="uma"))
    assert plain.is_plain
    assert not chosen.is_plain
    assert chosen.plain() == plain.plain()
    with pytest.raises(ValidationError, match="nnU-Net trains without these settings: readers"):
        RetrainSpec(train=TrainSpec(readers="vote"), backend="nnunet")
