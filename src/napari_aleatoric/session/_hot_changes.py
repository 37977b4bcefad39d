"""Whether the label was repainted in a region or near it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from napari_aleatoric.uncertainty import HotRegion

__all__ = ["Nearby", "nearby_of"]

_NEAR = 2  # voxels
_LARGE = 4_000_000  # voxels of a box: of larger regions the voxels near them are not worth their time
_PART = 0.5  # of a region that nobody looks at


@dataclass(frozen=True, eq=False)
class Nearby:
    """A region with the voxels near it.

    Parameters
    ----------
    box : tuple of slice
        Round the region and what is near, on the grid of the label.
    inside, near : numpy.ndarray of bool
        The region, and the region with what is near, in that box.
    """

    box: tuple[slice, slice, slice]
    inside: NDArray[np.bool_]
    near: NDArray[np.bool_]

    def is_repainted(self, label: NDArray[Any], before: NDArray[Any], *, looked_at: bool) -> bool:
        """Whether a label differs from what it was before.

        Our proposal: for the region that is looked at, one voxel in it or near it is enough; another one, which a
        stroke may have grazed, needs half of its own voxels, as whoever painted may not have seen it.
        """
        changed = label[self.box] != before[self.box]
        if looked_at:
            return bool((changed & self.near).any())
        return bool(np.count_nonzero(changed & self.inside) >= _PART * np.count_nonzero(self.inside))


def nearby_of(region: HotRegion, shape_zyx: tuple[int, int, int]) -> Nearby:
    """Take the voxels within two voxels of a region, corners included, inside the volume."""
    if region.inside.size > _LARGE:
        return Nearby(region.box, region.inside, region.inside)
    from scipy import ndimage

    low = [max(0, a - _NEAR) for a in region.start_zyx]
    high = [min(n, s.stop + _NEAR) for n, s in zip(shape_zyx, region.box, strict=True)]
    inside = np.zeros([b - a for a, b in zip(low, high, strict=True)], dtype=bool)
    own = tuple(slice(s.start - a, s.stop - a) for s, a in zip(region.box, low, strict=True))
    inside[own] = region.inside
    near = ndimage.binary_dilation(inside, np.ones((3, 3, 3), bool), iterations=_NEAR)
    z, y, x = (slice(a, b) for a, b in zip(low, high, strict=True))
    return Nearby((z, y, x), inside, np.asarray(near))
