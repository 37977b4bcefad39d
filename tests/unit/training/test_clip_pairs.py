"""Captions from a table or a folder, what is held out, and the retrieval table."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.io import write_volume
from napari_aleatoric.model import Geometry, Volume
from napari_aleatoric.training import CaptionedImage, caption_pairs, caption_slice, retrieval, split_pairs


def picture(path: Path, value: int = 7) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((6, 9), value, np.uint8)).save(path)
    return path


def table(folder: Path, n: int = 6, header: str = "Image,Caption,patient") -> Path:
    rows = [header]
    for i in range(n):
        picture(folder / "pictures" / f"{i}.png", i)
        rows.append(f'pictures/{i}.png,"a  CT image, number {i}",p{i // 2}')
    (folder / "pairs.csv").write_text("\n".join(rows), encoding="utf-8-sig")
    return folder / "pairs.csv"


def test_a_table_is_read_with_patients_and_relative_paths(tmp_path):
    found = caption_pairs(table(tmp_path))
    assert [p.image.name for p in found] == [f"{i}.png" for i in range(6)]
    assert found[3].caption == "a CT image, number 3"
    assert found[3].group == "p1"
    np.testing.assert_array_equal(caption_slice(found[3]), np.full((6, 9), 3))


def test_a_folder_is_read_and_images_without_words_left_out(tmp_path):
    for i in range(5):
        picture(tmp_path / f"sub{i}" / "x.png")
        if i:
            (tmp_path / f"sub{i}" / "x.txt").write_text(f"caption {i}\n", "utf-8")
    found = caption_pairs(tmp_path)
    assert [p.caption for p in found] == [f"caption {i}" for i in range(1, 5)]
    assert found[0].group == "sub1/x.png"  # wherever the folder lies


def test_a_slice_of_a_volume_is_taken_and_scaled(tmp_path):
    data = np.full((5, 4, 3), -1000, np.int16)
    data[1], data[2, 0], data[2, 1] = 1000, 1000, 0
    write_volume(tmp_path / "v.nii.gz", Volume(data, Geometry((5, 4, 3))))
    middle = caption_slice(CaptionedImage(tmp_path / "v.nii.gz", "x", "p"))
    assert middle[0, 0] == 255
    assert middle[1, 0] == 128
    assert middle[2, 0] == 0
    assert caption_slice(CaptionedImage(tmp_path / "v.nii.gz", "x", "p", 1)).min() == 255
    with pytest.raises(DataError, match="has 5 slices"):
        caption_slice(CaptionedImage(tmp_path / "v.nii.gz", "x", "p", 5))


def test_what_is_wrong_with_a_table_is_said(tmp_path):
    with pytest.raises(DataError, match="columns 'image' and 'caption'"):
        caption_pairs(table(tmp_path / "a", header="one,two,three"))
    path = table(tmp_path / "b")
    (tmp_path / "b" / "pictures" / "2.png").unlink()
    with pytest.raises(NotFoundError, match=r"Line 4 .* 'pictures/2\.png'"):
        caption_pairs(path)
    with pytest.raises(DataError, match=r"got 0 .6 captions have fewer than 50"):
        caption_pairs(table(tmp_path / "c"), least_characters=50)
    with pytest.raises(NotFoundError, match="no table or folder"):
        caption_pairs(tmp_path / "none.csv")


def test_patients_are_held_out_together_and_the_order_of_the_table_does_not_matter(tmp_path):
    pairs = caption_pairs(table(tmp_path, n=20))
    learned, held = split_pairs(pairs, 0.15, seed=1)
    assert not {p.group for p in learned} & {p.group for p in held}
    assert len(held) == 4  # three are wanted, and two come at a time
    assert {p.image for p in split_pairs(pairs[::-1], 0.15, seed=1)[1]} == {p.image for p in held}
    assert {p.group for p in split_pairs(pairs, 0.15, seed=2)[1]} != {p.group for p in held}
    with pytest.raises(DataError, match="enough patients"):
        split_pairs(pairs[:2], 0.15, seed=1)


def test_retrieval_counts_ranks_both_ways():
    images = np.eye(12, dtype=np.float32)
    texts = images.copy()
    texts[0], texts[1] = images[1], images[0]  # the two are taken for each other
    found = retrieval(images, texts, [str(i) for i in range(12)])
    assert found.image_to_text[0] == pytest.approx(10 / 12)
    assert found.text_to_image == pytest.approx((10 / 12, 10 / 12, 10 / 12))  # the others are all as unlike
    assert found.n_captions == 12


def test_equal_captions_are_right_and_ties_are_not():
    images = np.eye(3, dtype=np.float32)
    texts = images[[1, 0, 2]]
    assert retrieval(images, texts, ["a", "a", "b"]).image_to_text[0] == 1
    same = np.ones((3, 3), np.float32) / np.float32(np.sqrt(3))
    assert retrieval(same, same, ["a", "b", "c"]).image_to_text == (0, 1, 1)
