"""Changes of a label map that a person asks for, as pure functions: what becomes what, and nothing else."""

from ._brush import along_edge, ball, in_range, widened
from ._copy import copy_neighbour, copy_region, differing_region
from ._edit import Edit, Keep, edit_between
from ._holes import fill_holes
from ._interpolate import interpolate_slices
from ._margin import grow, shrink
from ._parts import keep_largest, remove_small
from ._scope import Scope
from ._smooth import smooth

__all__ = [
    "Edit",
    "Keep",
    "Scope",
    "along_edge",
    "ball",
    "copy_neighbour",
    "copy_region",
    "differing_region",
    "edit_between",
    "fill_holes",
    "grow",
    "in_range",
    "interpolate_slices",
    "keep_largest",
    "remove_small",
    "shrink",
    "smooth",
    "widened",
]
