"""Make an item: its study, and the page that puts measured beside published."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, variance
from typing import TYPE_CHECKING, Any

from vaekit.data.paths import no_folder
from vaekit.errors import VaekitError
from vaekit.reproduce.claims import SeedSpread, Verdict, judged
from vaekit.reproduce.items import Item, ItemRow, find_item
from vaekit.runs import Run
from vaekit.study import Engine, Follower, planned, run_study
from vaekit.study.driver import RUNS
from vaekit.study.plan import settings_of
from vaekit.system import files

if TYPE_CHECKING:
    import polars as pl

OF_NOISE = ("elbo", "distortion", "log_likelihood", "normalised_noise_variance")


@dataclass(frozen=True)
class Made:
    """Hold an item as it came out at a scale: numbers by row and name, claims, run folders."""

    item: Item
    scale: str
    folder: Path
    page: Path
    spreads: dict[str, dict[str, SeedSpread]]
    verdicts: tuple[Verdict, ...]
    runs: dict[str, list[Run]]
    failed: int = 0


def reproduce(
    key: str,
    scale: str = "smoke",
    out: Path | str = "reproduced",
    engine: Engine | None = None,
    data_dir: Path | str | None = None,
    follower: Follower | None = None,
    force: bool = False,
) -> Made:
    """Measure an item of a paper at a scale, and write its page.

    Args:
        key: PAPER/ITEM
        scale: smoke, seconds to a minute, says that it runs and nothing else; small, for a day on
            two cores at most; paper, the paper's own data, networks and steps as far as told
        out: the folder of all items; the study goes to OUT/PAPER-ITEM-SCALE and goes on there
        engine: where runs are made, as for `vaekit.study.run_study`
        data_dir: where the files of public sets lie
        follower: is told of every run that ends
        force: overwrite what is no page

    Raises `VaekitError` for what is no item or no scale of it, and as `run_study` does.
    """
    from vaekit.reproduce.page import write_page

    item = find_item(key).at(scale)
    spec = item.study(scale)
    if data_dir is not None:
        place = files.place(data_dir, "the data folder").resolve()
        if not place.is_dir():
            raise no_folder(place)
        spec["settings"]["data_dir"] = str(place)
    folder = files.place(out, "the folder of what is reproduced")
    folder = folder / f"{item.paper}-{item.name}-{scale}"
    table = run_study(spec, folder, engine, follower=follower)
    made = gathered(item, scale, spec, folder, table)
    if not any(made.spreads.values()):
        raise VaekitError(f"no run of {folder} has finished: its failures/ say why")
    return write_page(made, force)


def gathered(item: Item, scale: str, spec: dict[str, Any], folder: Path, table: "pl.DataFrame"):
    """Gather the numbers of each row from the table of a study, and judge the claims by them."""
    marks = {row.name: _marks_of_row(item, row, scale, spec) for row in item.rows}
    finished = [row for row in table.iter_rows(named=True) if row["state"] == "finished"]
    by_row = {
        name: [each for each in finished if each["run"].rsplit("-", 1)[-1] in known]
        for name, known in marks.items()
    }
    runs = {
        name: [Run(folder / RUNS / each["run"]) for each in rows] for name, rows in by_row.items()
    }
    refitted = {row.name: row.refit for row in item.rows if row.refit}
    for name, noise in refitted.items():
        pairs = zip(by_row[name], runs[name], strict=True)
        by_row[name] = [_under(noise, row, run) for row, run in pairs]
    if item.representative:
        for name, rows in by_row.items():
            first = representative(rows, item.representative)
            runs[name] = [runs[name][first], *runs[name][:first], *runs[name][first + 1 :]]
    spreads = {name: _spreads(rows, item.numbers) for name, rows in by_row.items()}
    verdicts = tuple(judged(claim, item.rows, spreads) for claim in item.claims)
    if scale == "smoke":  # a few steps decide nothing
        verdicts = tuple(Verdict(claim, "not asked") for claim in item.claims)
    failed = len(table) - len(finished)
    return Made(item, scale, folder, folder / "page.html", spreads, verdicts, runs, failed)


def _marks_of_row(item: Item, row: ItemRow, scale: str, spec: dict[str, Any]) -> set[str]:
    """Return the marks of a row's runs, by which they are known in the table."""
    known = settings_of(row.recipe)
    common = {name: value for name, value in spec["settings"].items() if name in known}
    own = {**spec, "settings": common, "runs": item.study(scale, [row])["runs"]}
    return {run.mark for run in planned(own).runs}


def _under(noise: str, row: dict[str, Any], run: Run) -> dict[str, Any]:
    """Return the numbers of a run under another noise: its bound and variances are new.

    What is of the codes alone stays, what is of the noise it was trained with is left out.
    """
    fitted = run.refit([noise], verbose=False)[noise]
    kept = {k: v for k, v in row.items() if k not in OF_NOISE and not k.startswith("noise_")}
    return kept | {"elbo": fitted["elbo"]["value"]} | fitted["noise"]


def representative(rows: Sequence[Mapping[str, Any]], numbers: Sequence[str]) -> int:
    """Return the place of the row that stands for all ([isa] §A.5).

    Of the half with the largest first number it is the one nearest to the half's mean, by the
    Mahalanobis distance of the mean and variance of each number: scores after training have two
    modes, so that the mean of all is like none of them. The first row where numbers are missing.
    """
    known = [i for i, row in enumerate(rows) if all(row.get(name) is not None for name in numbers)]
    upper = sorted(known, key=lambda i: -rows[i][numbers[0]])[: -(-len(known) // 2)]
    if len(upper) < 2:
        return upper[0] if upper else 0
    columns = {name: [rows[i][name] for i in upper] for name in numbers}

    def apart(i: int) -> float:
        return sum(
            (rows[i][name] - mean(column)) ** 2 / (variance(column) or 1.0)
            for name, column in columns.items()
        )

    return min(upper, key=apart)


def _spreads(rows: list[dict[str, Any]], numbers: Any) -> dict[str, SeedSpread]:
    spreads = {}
    for name in numbers:
        values = tuple(row[name] for row in rows if row.get(name) is not None)
        if values:
            spreads[name] = SeedSpread(values)
    return spreads
