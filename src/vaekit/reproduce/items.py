"""What can be reproduced: items of the papers, read from their files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

from vaekit.errors import VaekitError, nearest
from vaekit.study.words import several
from vaekit.system import forms
from vaekit.system.yaml_file import read_yaml

SCALES = ("smoke", "small", "paper")
_PAPERS = Path(__file__).parent / "papers"
_NUMBER_FORM = {"*": forms.ANY}
_ROW = {
    "name": str,
    "recipe": str,
    "settings?": _NUMBER_FORM,
    "grid?": _NUMBER_FORM,
    "published?": _NUMBER_FORM,
    "refit?": str,
}
_CLAIM = {"says": str, "number?": str, "falling?": [[str]], "at?": str, "note?": str}
_SCALE = {
    "data": forms.ANY,
    "seeds?": forms.ANY,
    "settings?": _NUMBER_FORM,
    "rows?": _NUMBER_FORM,
    "evaluate?": _NUMBER_FORM,
    "only?": {"*": [forms.ANY]},
}
_ITEM = {
    "title": str,
    "asks": str,
    "setting": str,
    "rows": [_ROW],
    "numbers": [str],
    "evaluate?": _NUMBER_FORM,
    "claims?": [_CLAIM],
    "settings?": _NUMBER_FORM,
    "scales": {"*": _SCALE},
    "pictures?": {"*": forms.ANY},
    "measured": str,
    "along?": {"*": forms.Maybe([str])},
    "also?": [str],
    "representative?": [str],
}
_PAPER_FORM = {"paper": str, "items": {"*": _ITEM}, "elsewhere?": {"*": str}}


@dataclass(frozen=True)
class ItemRow:
    """Hold a row of a table: a recipe with its settings, and what the paper publishes of it.

    With `refit`, the name of a noise, its numbers are those of the same networks under that noise,
    fitted to their residuals, as by `vaekit refit`.
    """

    name: str
    recipe: str
    settings: Mapping[str, Any]
    published: Mapping[str, float] = field(default_factory=dict)
    refit: str = ""


@dataclass(frozen=True)
class Claim:
    """Hold a claim in words; `falling` lists rows from the highest mean of `number` to the lowest.

    With `at`, another number, it lists recipes, and the lines through their rows are compared at
    equal values of that. A claim without rows is answered by its `note` alone.
    """

    says: str
    number: str = ""
    falling: Sequence[Sequence[str]] = ()
    at: str = ""
    note: str = ""


@dataclass(frozen=True)
class Item:
    """Hold a table, a figure or a claim of a paper, and how it is measured at each scale.

    `setting` says what the paper did, `measured` what has been measured and where it stands;
    `along` has a figure for each number or setting that others are drawn along, all or those named;
    `pictures` is what is shown of each row, `also` names other figures and claims that the page
    answers. `representative` names the numbers by which a run is chosen to stand for its row in
    pictures, the first seed where there are none. A scale keeps the rows that have the values of
    its `only`, where they have the setting.
    """

    paper: str
    name: str
    title: str
    asks: str
    setting: str
    rows: Sequence[ItemRow]
    numbers: Sequence[str]
    claims: Sequence[Claim]
    scales: Mapping[str, Mapping[str, Any]]
    measured: str
    along: Mapping[str, Sequence[str]]
    settings: Mapping[str, Any] = field(default_factory=dict)
    evaluate: Mapping[str, Any] = field(default_factory=dict)
    pictures: Mapping[str, Any] = field(default_factory=dict)
    also: Sequence[str] = ()
    representative: Sequence[str] = ()

    @property
    def key(self) -> str:
        """Return PAPER/NAME."""
        return f"{self.paper}/{self.name}"

    def at(self, scale: str) -> "Item":
        """Return the item with the rows that a scale keeps; raise `VaekitError` as `study` does."""
        if scale not in self.scales:
            raise nearest(scale, self.scales, f"scale of {self.key}")
        only = self.scales[scale].get("only") or {}
        kept = [
            row
            for row in self.rows
            if all(row.settings[k] in v for k, v in only.items() if k in row.settings)
        ]
        return replace(self, rows=kept)

    def study(self, scale: str, rows: Sequence[ItemRow] | None = None) -> dict[str, Any]:
        """Return the description of the study at a scale, of these rows alone where they are named.

        Raises `VaekitError` for a scale that the item does not have.
        """
        kept = self.at(scale).rows
        about = self.scales[scale]
        small = about.get("rows") or {}  # what the rows have in place of their own at this scale
        runs = [
            {
                "recipes": row.recipe,
                "points": [
                    {**row.settings, **{k: v for k, v in small.items() if k in row.settings}}
                ],
            }
            for row in (kept if rows is None else rows)
        ]
        return {
            "data": about["data"],
            "seeds": about.get("seeds", 0),
            "settings": {**self.settings, **(about.get("settings") or {})},
            "evaluate": {**self.evaluate, **(about.get("evaluate") or {})},
            "runs": runs,
        }


@cache
def catalogue() -> dict[str, Item]:
    """Return all items by key, in the order of the papers."""
    items = {}
    for path in sorted(_PAPERS.glob("*.yaml")):
        for name, about in _read_paper(path)["items"].items():
            item = _item(path.stem, name, about)
            items[item.key] = item
    return items


@cache
def elsewhere() -> dict[str, str]:
    """Return what of the papers is no study here, by key: where it stands, or why it cannot be."""
    return {
        f"{path.stem}/{name}": where
        for path in sorted(_PAPERS.glob("*.yaml"))
        for name, where in (_read_paper(path).get("elsewhere") or {}).items()
    }


def find_item(key: str) -> Item:
    """Return the item PAPER/NAME, or that whose page shows it too.

    Raises `VaekitError` where there is none, with the nearest.
    """
    if key in elsewhere():
        raise VaekitError(f"{key} is no study of its own: {elsewhere()[key]}")
    names = {f"{item.paper}/{name}": item for item in catalogue().values() for name in item.also}
    names |= catalogue()
    if key not in names:
        raise nearest(key, names, "item of a paper")
    return names[key]


def chosen_items(what: str) -> list[Item]:
    """Return the items of a paper, or the one of PAPER/NAME; raises as `find_item` does."""
    papers = list(dict.fromkeys(item.paper for item in catalogue().values()))
    if "/" in what:
        return [find_item(what)]
    if what not in papers:
        raise nearest(what, papers, "paper")
    return [item for item in catalogue().values() if item.paper == what]


def _read_paper(path: Path) -> dict[str, Any]:
    about = read_yaml(path, "file of a paper", "repair it")
    try:
        forms.check_form(about, _PAPER_FORM)
    except forms.Damaged as error:
        raise VaekitError(f"{path}: {error}") from None
    return about


def _item(paper: str, name: str, about: Mapping[str, Any]) -> Item:
    rows = [row for each in about["rows"] for row in _rows(each)]
    claims = [Claim(**claim) for claim in about.get("claims") or ()]
    for claim in claims:
        known = {row.recipe if claim.at else row.name for row in rows}
        for each in (each for order in claim.falling for each in order):
            if each not in known:
                what = "recipe" if claim.at else "row"
                raise nearest(each, known, f"{what} of {paper}/{name}")
    along = {number: others or () for number, others in (about.get("along") or {}).items()}
    own = {key: value for key, value in about.items() if value is not None}
    return Item(paper, name, **{**own, "rows": rows, "claims": claims, "along": along})


def _rows(about: Mapping[str, Any]) -> list[ItemRow]:
    """Return a row, or one for each combination of a grid, named by its values.

    What is published of a grid is a list for each number, in the order of its combinations.
    """
    own, published = about.get("settings") or {}, about.get("published") or {}
    if not about.get("grid"):
        return [ItemRow(about["name"], about["recipe"], own, published, about.get("refit") or "")]
    axes = {name: several(values) for name, values in about["grid"].items()}
    rows = []
    for place, values in enumerate(product(*axes.values())):
        point = dict(zip(axes, values, strict=True))
        told = {k: v[place] for k, v in published.items() if v[place] is not None}
        rows.append(ItemRow(about["name"].format(**point), about["recipe"], {**own, **point}, told))
    return rows
