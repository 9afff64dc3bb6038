"""What the variance of a score is due to: the objective, its strength, or the seed.

Runs of one data set are nested: N runs in G settings, settings in strengths, strengths in A
recipes. With means ȳ over all runs below a node, the sum of squares parts exactly,

    SS_T = Σ (y − ȳ)² = Σ_levels SS_l,   SS_l = Σ (mean at level l − mean at the level above)²,

each sum over all runs, and η²_l = SS_l / SS_T is the R² that Locatello et al. 2019 report (of the
objective; the sum of the first two, by objective and hyperparameters). Means of few seeds
differ by chance alone: where a seed adds noise of variance σ² that is alike in all settings,
E SS_l = (what the level does) + d_l σ², with d_l its nodes less those above. So a level that does
nothing has E η² ≈ d_l/(N − 1): 36 settings with 2 seeds "explain" half of pure noise. With the
unbiased σ̂² = SS_E/(N − G) within settings,

    share_l = (SS_l − d_l σ̂²) / SS_T,    share_seed = (N − 1) σ̂² / SS_T

(ε², Kelley 1935) have unbiased numerators and add up to 1; 1 − share_seed is the adjusted R² of
the settings. ω² differs in SS_T + σ̂² below the line only. A share may come out below 0, where
it is none. All hold for numbers of seeds that differ too, which then weigh settings by their runs.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from vaekit.study.analysis.layout import by_data, number_names, repeats, values_of, with_settings

if TYPE_CHECKING:
    import polars as pl

LEVELS = ("objective", "strength", "other settings", "seed")


def nested_shares(
    values: np.ndarray, levels: Sequence[np.ndarray]
) -> tuple[list[float], list[float]] | None:
    """Return the shares of the variance of values (N,) by nested levels, the rest (seed) last.

    `levels` (N,) each hold the node that a value is in, from the coarsest; nodes of a level lie in
    one node of the level before. Returns corrected shares ε² and plain ones η². None where no node
    of the last level has two values, or where all are equal.
    """
    total = float(((values - values.mean()) ** 2).sum())
    sums, freedoms = [], []
    before, count = np.full(len(values), values.mean()), 1
    for level in levels:
        _, nodes = np.unique(level, return_inverse=True)
        size = np.bincount(nodes)
        means = (np.bincount(nodes, values) / size)[nodes]
        sums.append(float(((means - before) ** 2).sum()))
        freedoms.append(len(size) - count)
        before, count = means, len(size)
    left = len(values) - count
    if left < 1 or total <= (1e-12 * np.abs(values).max()) ** 2 * len(values):
        return None
    rest = float(((values - before) ** 2).sum())
    noise = rest / left
    corrected = [(s - d * noise) / total for s, d in zip(sums, freedoms, strict=True)]
    seed = (len(values) - 1) * noise / total
    return [*corrected, seed], [*(s / total for s in sums), rest / total]


def variance_shares(table: "pl.DataFrame", numbers: Sequence[str] | None = None) -> "pl.DataFrame":
    """Part the variance of each number over the runs of a data set: a row for each level.

    Columns: `data`, `number`, `level` ("objective", "strength" within it, "other settings" within
    those, "seed"; without levels at which nothing varies), `share` (ε², corrected for few seeds),
    `plain` (η², the R² of group means), `n` runs and `settings`. Both shares are null where no
    setting has two seeds, or nothing varies. Raises as `summary` does.
    """
    import polars as pl

    table = with_settings(table)
    rows: list[dict[str, Any]] = []
    groups = by_data(repeats(table))
    for name in number_names(table) if numbers is None else numbers:
        values = values_of(table, name)
        for data, part in groups.items():
            nodes = np.concatenate([np.full(len(g.rows), i) for i, g in enumerate(part)])
            own = values[np.concatenate([group.rows for group in part])]
            nodes, own = nodes[np.isfinite(own)], own[np.isfinite(own)]
            tree = _nested_levels(
                [part[i] for i in np.unique(nodes)], np.unique(nodes, return_inverse=True)[1]
            )
            made = nested_shares(own, list(tree.values())) if len(own) else None
            count = {"n": len(own), "settings": len(np.unique(nodes))}
            names = [*tree, "seed"]
            pairs = zip(*made, strict=True) if made else [(None, None)] * len(names)
            for level, (share, plain) in zip(names, pairs, strict=True):
                about = {"data": data, "number": name, "level": level}
                rows.append({**about, "share": share, "plain": plain, **count})
    kinds = {"share": pl.Float64, "plain": pl.Float64}
    return pl.DataFrame(rows, schema_overrides=kinds, infer_schema_length=None)


def _nested_levels(part: Sequence[Any], nodes: np.ndarray) -> dict[str, np.ndarray]:
    """Return the node of each value at each level that is finer than the one above."""
    keys = {
        "objective": [(group.recipe,) for group in part],
        "strength": [(group.recipe, group.strength) for group in part],
        "other settings": [(group.recipe, group.strength, group.setting) for group in part],
    }
    levels, count = {}, 1
    for name, named in keys.items():
        distinct = {key: i for i, key in enumerate(dict.fromkeys(named))}
        if len(distinct) > count:
            levels[name] = np.array([distinct[key] for key in named], int)[nodes]
            count = len(distinct)
    return levels
