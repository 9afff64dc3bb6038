"""One page for several runs: what differs between them, and what that did.

Runs that differ in nothing but the seed are one group, judged by mean and standard error over
seeds. The page asks no network for anything, and the same runs give the same page.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from markupsafe import Markup

from vaekit.arguments import expect
from vaekit.data import Dataset
from vaekit.errors import VaekitError
from vaekit.report import tables
from vaekit.report.comparison import noises, refitted, side_by_side, tradeoffs
from vaekit.report.comparison.differences import common, differing, labels, own
from vaekit.report.comparison.downloads import numbers_table, runs_table
from vaekit.report.comparison.groups import Group, gather, grouped, names_of
from vaekit.report.comparison.ranking import Ranking, ranking
from vaekit.report.comparison.readings import Reading, items_of, read_model
from vaekit.report.comparison.side_by_side import ITEMS, ranges
from vaekit.report.rendering import check_page, csv_link, render, save_page
from vaekit.report.section import Section
from vaekit.runs import Run
from vaekit.system import files
from vaekit.text.shell import quoted

FOLDERS = 3


def compare(runs: Sequence[Run | Path | str], path: Path | str, force: bool = False) -> Path:
    """Write one page that shows several runs side by side, and return its path.

    Runs are grouped by all that decides them but the seed. Those without metrics.json have no
    numbers in the table: `vaekit evaluate` gives them theirs. Random generators are left as they
    were. Raises `VaekitError` for fewer than two runs that can be read, folders that are no runs,
    what is no page at `path` (unless `force`), and where the disk refuses.
    """
    path = check_page(files.place(path, "a page"), force)
    expect(runs, Sequence, "runs, two or more in a list")
    opened = [run if isinstance(run, Run) else Run(run) for run in runs]
    entries, notes = gather(opened)
    if len(entries) < 2:
        raise _too_few(opened, len(entries), notes)
    with torch.random.fork_rng(range(torch.cuda.device_count())):
        text = _Page(grouped(entries), notes).text()
    return save_page(path, text)


def _too_few(runs: Sequence[Run], count: int, notes: Sequence[str]) -> VaekitError:
    known = " ".join(notes)
    hint = f" For one alone: vaekit report {quoted(runs[0].folder)}" if len(runs) == 1 else ""
    return VaekitError(
        f"a comparison needs two runs or more that can be read, got {count}."
        + (f" {known}" if known else "")
        + hint
    )


class _Page:
    """Gather what a page says of groups of runs."""

    def __init__(self, groups: list[Group], notes: list[str]):
        self.groups, self.keys = groups, differing([group.settings for group in groups])
        self.labels = _group_labels(groups, self.keys)
        self.notes = [*notes, *_missing(groups)]
        self.items = _items(groups)
        self.readings = [self._read(group) for group in groups]
        self.measures = [each[0].measure for each in self.readings]
        names = names_of(groups)
        self.rankings = [ranking(name, groups, self.measures) for name in names]

    def _read(self, group: Group) -> list[Reading]:
        """Read every run of a group; pictures of the first one only."""
        fits = self.items is not None and self.items.shape == _shape(group)
        first = read_model(group.first, self.items if fits else None)
        return [first, *(read_model(entry, None) for entry in group.entries[1:])]

    def text(self) -> str:
        every = [group.settings for group in self.groups]
        return render(
            "compare.html.jinja",
            title=_title(self.groups),
            facts=_facts(self.groups),
            notes=self.notes,
            keys=self.keys,
            runs=[self._run(i) for i in range(len(self.groups))],
            labels=self.labels,
            names={each.name: tables.title(each.name) for each in self.rankings},
            numbers=self._tables(),
            repeated=self._repeated,
            rankings=[self._ranking(each) for each in self.rankings],
            csv=self._lists(),
            sections=self._sections(),
            settings=[
                ("In common", _setting_rows(common(every))),
                *((f"Of {recipe}", _setting_rows(lone)) for recipe, lone in own(every).items()),
            ],
        )

    @property
    def _repeated(self) -> bool:
        return any(len(group.entries) > 1 for group in self.groups)

    # ---- tables

    def _run(self, i: int) -> dict[str, Any]:
        group = self.groups[i]
        given, folders = group.settings, [str(entry.run.folder) for entry in group.entries]
        return {
            "values": [tables.text(given[key]) if key in given else "" for key in self.keys],
            "seeds": ", ".join(str(entry.seed) for entry in group.entries),
            "folders": _some(folders),
        }

    def _tables(self) -> list[dict[str, Any]]:
        """Lay out the numbers of every group, scores of known factors in a table of their own."""
        scored = {
            n for g in self.groups for e in g.entries for n in e.numbers if _score(e.numbers[n])
        }
        parts = {"": [], "Scores of known factors": []}
        for each in self.rankings:
            parts["Scores of known factors" if each.name in scored else ""].append(each)
        return [
            {
                "title": title,
                "biased": any(g.shuffled(each.name) for g in self.groups for each in part),
                "names": [each.name for each in part],
                "rows": [
                    (i, self.labels[i], [self._cell(each, i) for each in part])
                    for i, group in enumerate(self.groups)
                    if any(each.name in group.names for each in part)
                ],
                "csv": csv_link(
                    numbers_table(self.groups, self.labels, [each.name for each in part]),
                    "scores" if title else "numbers",
                ),
            }
            for title, part in parts.items()
            if part
        ]

    def _lists(self) -> dict[str, Markup]:
        """Link to the lists of runs and of rankings, as tables of values."""
        ranked = [self._ranking(each) for each in self.rankings]
        table = [list(ranked[0]), *(each.values() for each in ranked)] if ranked else []
        runs = runs_table(self.groups, self.keys)
        return {"runs": csv_link(runs, "runs"), "ranking": csv_link(table, "ranking")}

    def _cell(self, ranked: Ranking, i: int) -> dict[str, str]:
        mean = self.groups[i].number(ranked.name)
        if mean is None:
            return {"value": "", "spread": "", "mark": ""}
        value, spread = tables.with_error(mean.value, mean.se)
        if mean.n < len(self.groups[i].entries):
            spread += f" ({mean.n} of {len(self.groups[i].entries)})"
        if (bias := self.groups[i].shuffled(ranked.name)) is not None:
            spread += f" [{bias.value:.3f}]".replace("-", "−")
        mark = "best" if i == ranked.best else "near" if i in ranked.near else ""
        return {"value": value, "spread": spread, "mark": mark}

    def _ranking(self, rank: Ranking) -> dict[str, str]:
        numbers = [
            e.numbers[rank.name] for g in self.groups for e in g.entries if rank.name in e.numbers
        ]
        best = "–" if rank.best is None else f"{rank.best + 1} · {self.labels[rank.best]}"
        return {
            "key": rank.name,
            "name": tables.title(rank.name),
            "better": rank.better,
            "best": rank.why or best,
            "near": ranges([i + 1 for i in rank.near]),
            "unit": _common_text(numbers, "unit"),
            "direction": _common_text(numbers, "direction"),
            "estimator": _common_text(numbers, "estimator"),
            "n": _span_of_counts([each["n"] for each in numbers if isinstance(each.get("n"), int)]),
        }

    # ---- sections

    def _sections(self) -> list[Section]:
        images = {i: r[0].images for i, r in enumerate(self.readings) if r[0].images is not None}
        scale = None if self.items is None else side_by_side.common_residuals(self.items, images)
        sections = [
            noises.noise_section(self.groups, self.readings, self.keys, scale),
            refitted.refits_section(self.groups, self.labels, self.items),
            tradeoffs.scores(self.groups, self.keys, self.measures),
            tradeoffs.arguments(self.groups, self.keys),
        ]
        if scale is not None and self.items is not None:
            home = _home(self.groups)
            strangers = [i for i in images if self.groups[i].first.data != home]
            absent = {i: r[0].trouble for i, r in enumerate(self.readings) if i not in images}
            named = [f"{i + 1} · {text}" for i, text in enumerate(self.labels)]
            shown = side_by_side.images_section(
                scale, self.items, named, self._repeated, strangers, absent
            )
            sections = [shown, *sections]
        return [section for section in sections if section is not None]


# ---- words


def _group_labels(groups: Sequence[Group], keys: Sequence[str]) -> list[str]:
    names = labels([group.settings for group in groups], keys)
    return [text or str(g.settings["recipe"]) for text, g in zip(names, groups, strict=True)]


def _title(groups: Sequence[Group]) -> str:
    sets = dict.fromkeys(str(group.settings["data"]) for group in groups)
    names = dict.fromkeys(str(group.settings["recipe"]) for group in groups)
    what = ", ".join(names) if len(names) <= 4 else f"{len(names)} recipes"
    return f"{what} on {', '.join(sets) if len(sets) <= 3 else f'{len(sets)} data sets'}"


def _facts(groups: Sequence[Group]) -> str:
    sizes = [len(group.entries) for group in groups]
    runs = f"{sum(sizes)} runs"
    if len(groups) == 1:
        return f"{runs} that differ in nothing but the seed"
    if max(sizes) == 1:
        return f"{runs}, one of each setting"
    least = f"{min(sizes)} to {max(sizes)}" if min(sizes) < max(sizes) else str(max(sizes))
    return f"{runs} · {len(groups)} settings with {least} seeds each"


def _missing(groups: Sequence[Group]) -> list[str]:
    entries = [entry for group in groups for entry in group.entries]
    split = {
        e.run.folder
        for e in entries
        for n in e.numbers.values()
        if n.get("split", "") == "training"
    }
    seen = f"Judged on the training data: {_some(sorted(map(str, split)))}."
    left = [str(entry.run.folder) for entry in entries if not entry.numbers]
    bare = f"Not evaluated yet, so without numbers: {_some(left)}. Use `vaekit evaluate` on each."
    return [note for note, some in ((seen, split), (bare, left)) if some]


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - FOLDERS} more" if len(names) > FOLDERS else ""
    return ", ".join(names[:FOLDERS]) + more


def _setting_rows(values: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [(name, tables.text(value)) for name, value in values.items() if value is not None]


def _score(number: Mapping[str, Any]) -> bool:
    return "factors" in number


def _common_text(numbers: Sequence[Mapping[str, Any]], key: str) -> str:
    texts = dict.fromkeys(tables.text(each[key]) for each in numbers if each.get(key) is not None)
    return next(iter(texts)) if len(texts) == 1 else "; ".join(list(texts)[:3])


def _span_of_counts(counts: Sequence[int]) -> str:
    ends = dict.fromkeys((min(counts, default=0), max(counts, default=0)))
    return " to ".join(tables.text(n) for n in ends)


# ---- test items


def _home(groups: Sequence[Group]) -> str:
    """Return the key of the images that most groups can show, and of these most were trained on."""
    known = {g.first.data: g.first.test.shape for g in groups if g.first.test is not None}
    shapes = Counter(_shape(group) for group in groups)
    trained = Counter(group.first.data for group in groups)
    images = [key for key, shape in known.items() if len(shape) == 3]
    return max(images, key=lambda key: (shapes[known[key]], trained[key]), default="")


def _shape(group: Group) -> tuple[int, ...]:
    return tuple(group.first.run.config.notes.get("shape", ()))


def _items(groups: Sequence[Group]) -> Dataset | None:
    """Choose the images to show; None where no run was trained on images that are at hand."""
    home = _home(groups)
    tests = (group.first.test for group in groups if group.first.data == home)
    return next((items_of(test, ITEMS) for test in tests if test is not None), None)
