"""Reports: a run as one page that needs no network, several runs side by side as another."""

from vaekit.report.comparison import compare
from vaekit.report.page import write_report

__all__ = ["compare", "write_report"]
