"""The *Review* dock: open, queue, verdicts, history."""

from ._dock import ReviewDock
from ._report_window import ReportWindow, ask_for_report

__all__ = ["ReportWindow", "ReviewDock", "ask_for_report"]
