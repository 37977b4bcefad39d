"""What a person may wish of the network that is trained; what is left open is planned from the data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ._training_choice import TrainingChoice

__all__ = ["DIMENSION_CHOICES", "NETWORK_CHOICES", "NNUNET", "NetWishes"]

NNUNET = "nnunet"
"""Name of the choice that leaves network, patches and steps to nnU-Net."""

NETWORK_CHOICES = (
    TrainingChoice("unet", "U-Net", "Residual U-Net: the usual choice, and the quickest."),
    TrainingChoice("segresnet", "SegResNet", "Residual encoder with a light decoder."),
    TrainingChoice("dynunet", "DynUNet", "A U-Net laid out as nnU-Net does, by MONAI."),
    TrainingChoice("plainconvunet", "PlainConvUNet", "nnU-Net's own U-Net."),
    TrainingChoice("resenc", "ResEnc U-Net", "nnU-Net's U-Net with a residual encoder: slower, often better."),
    TrainingChoice("swinunetr", "SwinUNETR", "A transformer: slow, for large images and many cases."),
    TrainingChoice(NNUNET, "nnU-Net itself", "nnU-Net plans and trains, with the chosen loss (extra nnunet)."),
)

DIMENSION_CHOICES = (
    TrainingChoice("auto", "as planned", "Volumes, or slices where there are few of them."),
    TrainingChoice("3d", "Volumes (3-D)", "Sees whole neighbourhoods."),
    TrainingChoice("2.5d", "Slices with neighbours", "Sees a slice and the next ones on either side."),
    TrainingChoice("2d", "Slices", "Sees one slice at a time."),
)


@dataclass(frozen=True)
class NetWishes:
    """What is chosen of network, grid and patches; None is planned.

    Parameters
    ----------
    network, dimensions : str
        Names among `NETWORK_CHOICES` and `DIMENSION_CHOICES`.
    width : int or None
        Channels of the finest level; None: as the preset.
    patch_zyx : tuple of int or None
        Voxels of a patch on the network's grid.
    batch : int or None
        Patches in a step.
    spacing_zyx_mm : tuple of float or None
        Of the network's grid.
    """

    network: str = "unet"
    dimensions: str = "auto"
    width: int | None = None
    patch_zyx: tuple[int, int, int] | None = None
    batch: int | None = None
    spacing_zyx_mm: tuple[float, float, float] | None = None

    @property
    def is_nnunet(self) -> bool:
        """Whether nnU-Net trains, which plans for itself."""
        return self.network == NNUNET

    def changes(self) -> dict[str, Any]:
        """Return what differs from a preset, by the names of `napari_aleatoric.training.TrainSpec`."""
        usual = NetWishes()
        if self.is_nnunet:
            return {} if self.dimensions == "2.5d" else {"dimensions": self.dimensions}
        return {name: value for name, value in vars(self).items() if value != getattr(usual, name)}
