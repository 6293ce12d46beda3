"""Any number of runs on one page, figures for a paper, and the numbers as CSV."""

from vaescope.report.compare.page import compare

__all__ = ["compare"]
