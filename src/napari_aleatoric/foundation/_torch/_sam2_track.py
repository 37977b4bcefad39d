"""Following one object through embedded slices with SAM 2's memory; only what the memory reads is kept."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from transformers.models.sam2_video.modeling_sam2_video import Sam2VideoInferenceSession

from napari_aleatoric.errors import DataError

from ._prompt_tensors import MASK_STRIDE, PromptTensors

__all__ = ["Track"]

_OBJECT = 0
_CORNERS = (2, 3)  # labels of the first and the last corner of a box among points


class Track:
    """One object on its way through the slices.

    transformers' own session holds the memory, and its model makes every step. Slices are not given to it as images
    but as features when their turn comes, so that of 600 slices only one is there at a time; of what the model
    wrote down about slices before, what lies further back than it looks is dropped.

    Parameters
    ----------
    net : Sam2VideoModel
        The network.
    n_slices : int
        How many there are.
    key_slice : int
        The prompted one.
    given : PromptTensors
        The prompt: box and points; or an earlier answer alone.

    Raises
    ------
    DataError
        If there is an earlier answer together with a box or points.
    """

    def __init__(self, net: Any, n_slices: int, key_slice: int, given: PromptTensors) -> None:
        self._net: Any = net
        self._n, self._key = n_slices, key_slice
        device = net.no_memory_embedding.device
        self._session: Any = Sam2VideoInferenceSession(
            inference_device=device, inference_state_device=device, dtype=torch.float32
        )
        self._session.processed_frames = dict.fromkeys(range(n_slices))  # counted, and never looked at
        self._reach = max(int(net.config.num_maskmem), int(net.config.max_object_pointers_in_encoder))
        self._backwards = False
        self._prompt(given)

    def _prompt(self, given: PromptTensors) -> None:
        session = self._session
        number = session.obj_id_to_idx(_OBJECT)
        if given.masks is not None:
            if given.points is not None or given.boxes is not None:
                raise DataError(
                    "Expected a box and points, or an earlier answer alone, to follow from slice to slice, got "
                    "both. Ask for the key slice first, and follow that answer."
                )
            mask = torch.nn.functional.interpolate(given.masks, scale_factor=MASK_STRIDE, mode="bilinear")
            session.add_mask_inputs(number, self._key, (mask > 0).float())
        else:
            parts, kinds = [], []
            if given.boxes is not None:
                parts.append(given.boxes.reshape(1, 1, 2, 2))
                kinds.append(torch.tensor([[_CORNERS]], dtype=torch.int32, device=given.boxes.device))
            if given.points is not None and given.labels is not None:
                parts.append(given.points.unsqueeze(1))
                kinds.append(given.labels.unsqueeze(1).to(torch.int32))
            inputs = {"point_coords": torch.cat(parts, dim=2), "point_labels": torch.cat(kinds, dim=2)}
            session.add_point_inputs(number, self._key, inputs)
        session.obj_with_new_inputs = [_OBJECT]

    def order(self) -> Iterator[tuple[int, bool]]:
        """Slices in the order of `step`, and whether it goes backwards: key to last, then key − 1 to first."""
        yield from ((at, False) for at in range(self._key, self._n))
        yield from ((at, True) for at in range(self._key - 1, -1, -1))

    def step(self, at: int, maps: list[Tensor], *, backwards: bool) -> Tensor:
        """Answer about the next slice.

        Parameters
        ----------
        at : int
            Its number.
        maps : list of torch.Tensor
            Of this slice alone, from ``encode``.
        backwards : bool
            Whether it comes before the key slice.

        Returns
        -------
        torch.Tensor, shape (S/4, S/4)
            Logits.
        """
        outputs = self._session.output_dict_per_obj[self._session.obj_id_to_idx(_OBJECT)]
        if backwards and not self._backwards:  # what was seen on the other side is forgotten
            outputs["non_cond_frame_outputs"].clear()
            self._backwards = True
        coarse, finest, fine = maps
        positions = self._net.vision_encoder.neck.position_encoding(coarse.shape, coarse.device, coarse.dtype)
        self._session.cache.clear_all()
        self._session.cache.cache_vision_features(
            at,
            {
                "vision_feats": [_in_rows(each) for each in (finest, fine, coarse)],
                "vision_pos_embeds": [_in_rows(positions)],
            },
        )
        found = self._net(self._session, frame_idx=at, reverse=backwards)
        logits: Tensor = found.pred_masks.reshape(found.pred_masks.shape[-2:])
        self._tidy(at, outputs)
        return logits

    def _tidy(self, at: int, outputs: dict[str, dict[int, dict[str, Any]]]) -> None:
        """Drop what no later step reads."""
        self._session.cache.clear_all()
        earlier = outputs["non_cond_frame_outputs"]
        for frame in [frame for frame in earlier if abs(frame - at) > self._reach]:
            del earlier[frame]
        for each in (*earlier.values(), *outputs["cond_frame_outputs"].values()):
            each.pop("high_res_masks", None)


def _in_rows(maps: Tensor) -> Tensor:
    """(1, C, h, w) → (h·w, 1, C), as the model reads features."""
    return maps.flatten(2).permute(2, 0, 1)
