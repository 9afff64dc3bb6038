"""The columns of a set of vectors, as a plot names them."""

from vaekit.data import Dataset

LONGEST = 20


def names(data: Dataset, count: int) -> list[str]:
    """Name the first columns as the table did, else x0, x1 and so on.

    Long names are cut; what begins with an underscore Matplotlib leaves out of legends.
    """
    if data.columns is None:
        return [f"x{i}" for i in range(count)]
    return [plot_name(name) for name in data.columns.names[:count]]


def plot_name(name: str) -> str:
    """Return a name of the user's as a plot writes it, so that it fits and is not left out."""
    name = name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"
    return (f" {name}" if name.startswith("_") else name) or "(no name)"


def scaling(data: Dataset) -> str:
    """Say how the columns were scaled, as a sentence for a caption; nothing where they were not."""
    how = {
        "standard": "standardised: mean 0 and standard deviation 1 over the whole table",
        "minmax": "scaled to [0, 1], their lowest and highest value in the whole table",
    }.get(data.columns.scale if data.columns else "")
    return f" Columns are {how}." if how else ""


def units(data: Dataset) -> str:
    """Say that scaled columns are shown in their own units, as a sentence for a caption."""
    scaled = data.columns is not None and data.columns.scale in ("standard", "minmax")
    return " Columns are in the table's own units." if scaled else ""


def legend_columns(named: list[str]) -> int:
    """Choose into how many columns a legend of these names is set, so that it fits its plot."""
    return len(named) if sum(map(len, named)) <= 2 * LONGEST else min(3, len(named))
