"""What the results of a study say: functions of its table, each with its formulas.

    table = vaekit.study.results("studies/a")
    analysis.summary(table, ["mig"])         by setting: mean, error, interval, rank
    analysis.variance_shares(table)          share of variance by objective, strength, seed
    analysis.correlations(table)             whether scores agree
    analysis.front(table, "mig", "distortion")
    analysis.choices(table)                  a model chosen without labels, and its regret

All take the table of `vaekit.study.results`, or rows of it, and return a table of polars. Data sets
are never mixed. What is drawn at random is drawn from `seed`.
"""

from vaekit.study.analysis.correlation import correlations
from vaekit.study.analysis.fronts import front, on_front
from vaekit.study.analysis.layout import (
    Repeats,
    needs_labels,
    number_names,
    repeats,
    varied,
    with_settings,
)
from vaekit.study.analysis.selection import choices
from vaekit.study.analysis.summaries import mean_interval, ranks, summary
from vaekit.study.analysis.variance import nested_shares, variance_shares

__all__ = [
    "Repeats",
    "choices",
    "correlations",
    "front",
    "mean_interval",
    "nested_shares",
    "needs_labels",
    "number_names",
    "on_front",
    "ranks",
    "repeats",
    "summary",
    "variance_shares",
    "varied",
    "with_settings",
]
