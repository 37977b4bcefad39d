"""Networks that learn from the data set's own labels: planned from the data, trained, and asked."""

from napari_aleatoric.uncertainty import QuickNetSpec

from ._cases import CaseShelf, NetCase, case_grid, standardised
from ._plan import CaseGrid, NetPlan, plan_net
from ._quick import learn_quick_net, net_case

__all__ = [
    "CaseGrid",
    "CaseShelf",
    "NetCase",
    "NetPlan",
    "QuickNetSpec",
    "case_grid",
    "learn_quick_net",
    "net_case",
    "plan_net",
    "standardised",
]
