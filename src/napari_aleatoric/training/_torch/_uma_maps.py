"""The readers' uncertainty of a training, asked about one case."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from napari_aleatoric.errors import DataError, NotFoundError
from napari_aleatoric.training._cases import NetCase
from napari_aleatoric.training._model_plan import ModelPlan
from napari_aleatoric.training._model_spec import TrainSpec
from napari_aleatoric.training._reader_maps import READERS_FILE, ReaderUncertainty

from ._grid import finer_probabilities
from ._judge import predict_grid
from ._predict_grid import with_neighbours
from ._predict_model import read_model
from ._train_checkpoints import read_weights
from ._train_device import place
from ._uma_network import LogVariance, build_log_variance
from ._uma_objective import label_quality

__all__ = ["reader_uncertainty"]


class _WithLabel(nn.Module):
    """Image channels and, as the last one, class indices (N, C + 1, z, y, x) → (0, s_r): the softmax has u_r."""

    def __init__(self, network: LogVariance) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Tensor) -> Tensor:
        found = self.network(pixels[:, :-1], pixels[:, -1].round().long())[:, None]
        return torch.cat([torch.zeros_like(found), found], dim=1)


def reader_uncertainty(
    folder: Path,
    case: NetCase,
    shape_zyx: tuple[int, int, int] | None,
    device: str | None,
    go_on: Callable[[], None],
) -> ReaderUncertainty:
    """Ask; see `napari_aleatoric.training.reader_uncertainty`."""
    record = read_model(folder)
    if record is None or "readers" not in record:
        raise NotFoundError(
            "Expected a model that learned from all readers by how far they can be relied on (readers 'uma', maps "
            "'learned'), and found another or none. Train one."
        )
    plan, spec = ModelPlan.from_json(record["plan"]), TrainSpec.model_validate(record["spec"])
    if len(case.image) != plan.n_channels:
        raise DataError(
            f"Expected an image of {plan.n_channels} channels, got {len(case.image)}. Prepare it with model_case "
            "and the model's plan."
        )
    where, dtype = place(spec if device is None else spec.model_copy(update={"device": device}))
    small = build_log_variance(plan, spec.uma, 0)
    small.load_state_dict(read_weights(folder / READERS_FILE, record["readers"]))
    network = _WithLabel(small).to(where).eval()
    found = []
    for label in case.labels:
        pixels = np.concatenate([with_neighbours(np.asarray(case.image), plan.neighbours), label[None]])
        pixels = pixels.astype(np.float32)
        asked = predict_grid(network, plan, pixels, overlap=spec.overlap, device=where, dtype=dtype, go_on=go_on)
        found.append(asked[1])
    maps = torch.stack(found)
    labels = torch.from_numpy(np.asarray(case.labels).astype(np.int64))
    by_reader, _ = label_quality(maps.float()[None], labels[None], spec.uma.band_voxels)
    qualities = tuple(float(q) for q in by_reader[0])
    shown = finer_probabilities(maps.float(), shape_zyx or tuple(maps.shape[1:]))  # type: ignore[arg-type]
    return ReaderUncertainty(shown, qualities, float(np.mean(qualities)))
