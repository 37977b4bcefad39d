"""Networks that learn from the data set's own labels: planned from the data, trained, and asked."""

from typing import TYPE_CHECKING, Any

from napari_aleatoric.uncertainty import QuickNetSpec

from ._cases import CaseShelf, NetCase, case_grid, standardised
from ._plan import CaseGrid, NetPlan, plan_net
from ._quick import learn_quick_net, net_case

if TYPE_CHECKING:
    from ._torch._quick_net import QuickNet

__all__ = [
    "CaseGrid",
    "CaseShelf",
    "NetCase",
    "NetPlan",
    "QuickNet",
    "QuickNetSpec",
    "case_grid",
    "learn_quick_net",
    "net_case",
    "plan_net",
    "standardised",
]


def __getattr__(name: str) -> Any:
    """Load torch only where the network itself is named."""
    if name == "QuickNet":
        from ._torch._quick_net import QuickNet

        return QuickNet
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
