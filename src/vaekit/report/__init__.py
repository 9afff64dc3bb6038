"""Reports: a run as one page that needs no network, with its pictures beside it."""

from vaekit.report.page import write

__all__ = ["write"]
