"""What a page may ask of runs: plain words and numbers in, plain words, numbers and files out.

A request is a name and a mapping that JSON could hold. Codes and conditions are lists of numbers,
pictures data URIs. An example is {"of": run, "part": name, "index": number}; another run of the
same shape sees it too. Several may ask at once: the model answers one at a time.
"""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any, TypeVar
from warnings import WarningMessage, catch_warnings, simplefilter

import torch
from torch import Tensor

from vaekit import pictures
from vaekit.arguments import fits
from vaekit.errors import VaekitError, VaekitWarning
from vaekit.explore import views
from vaekit.explore.explorer import Example, Explorer, line
from vaekit.report import tables
from vaekit.report.rendering import data_name

COLUMNS = 200  # of a table that are shown
SAMPLES, FRAMES = 16, 24
_SHEET_WIDTH = 8  # samples side by side
_MOMENT = 0.001  # seconds, in which another request may take its turn

Query = Mapping[str, Any]


@dataclass(frozen=True)
class SavedFile:
    """Hold a file to be saved."""

    name: str
    kind: str
    content: bytes


class Api:
    """Answer what a page asks of runs, each by its number."""

    def __init__(self, explorers: Sequence[Explorer]):
        self.explorers = explorers
        self._lock, self._ended = threading.Lock(), False
        self._last = dict[int, tuple[Any, Example]]()
        self._calls: dict[str, Callable[[Query], dict[str, Any] | SavedFile]] = {
            "runs": self._runs,
            "open": self._open,
            "example": self._example,
            "decode": self._decode,
            "samples": self._samples,
            "save": self._save,
        }

    def answer(self, name: str, query: Query) -> dict[str, Any] | SavedFile:
        """Answer a request; raise `VaekitError` for one that makes no sense."""
        if name == "score":
            return self._score(query)
        if name not in self._calls:
            raise VaekitError(f"there is no request {name!r}")
        with self._turn(), catch_warnings(record=True) as notes:
            simplefilter("always", VaekitWarning)
            answer = self._calls[name](query)
        return _noted(answer, notes)

    def add(self, query: Query, content: bytes) -> dict[str, Any]:
        """Read the bytes of a file that was dropped; return the name and size of its part."""
        with self._turn(), catch_warnings(record=True) as notes:
            simplefilter("always", VaekitWarning)
            explorer = self._explorer(query)
            part = explorer.add(str(query.get("name", "file")), content)
            self._last.clear()  # it may be another file of the same name
        return _noted({"part": part, "parts": explorer.parts}, notes)

    def close(self) -> None:
        """Let what is being answered end, and answer nothing more.

        Python may not end while one of its threads is inside of PyTorch.
        """
        with self._lock:
            self._ended = True

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait for the others; raise `VaekitError` where nothing is answered any more."""
        with self._lock:
            if self._ended:
                raise VaekitError("this page has ended: start vaekit explore again")
            yield

    # ---- runs

    def _runs(self, query: Query) -> dict[str, Any]:
        return {"runs": [str(explorer.run.folder) for explorer in self.explorers]}

    def _open(self, query: Query) -> dict[str, Any]:
        explorer = self._explorer(query)
        config, codes = explorer.run.config, explorer.codes
        start, c = explorer.typical_example(), explorer.usual_condition()
        columns = [] if explorer.image else explorer.schema.table_names
        return {
            "title": f"{config.recipe} on {data_name(config.data)}",
            "folder": str(explorer.run.folder),
            "facts": tables.facts(config),
            "image": explorer.image,
            "shape": list(explorer.schema.shape),
            "width": explorer.model.posterior.latent,
            "columns": columns[:COLUMNS],
            "left": len(columns[COLUMNS:]),
            "latents": [asdict(slider) for slider in explorer.latents],
            "categories": [asdict(choice) for choice in explorer.categories],
            "conditions": [asdict(control) for control in explorer.conditions],
            "measure": "" if codes is None else codes.measure,
            "parts": explorer.parts,
            "start": None if start is None else {"part": start[0], "index": start[1]},
            "c": None if c is None else views.json_numbers(c),
            "prior": explorer.model.prior is not None,
            "note": f"Without the run's data: {explorer.absent}" if explorer.absent else "",
        }

    # ---- examples

    def _example(self, query: Query) -> dict[str, Any]:
        explorer, example = self._explorer(query), self._seen(query)
        shown = self._shown(explorer, example.x)
        c = None if example.c is None else views.json_numbers(example.c)
        about = {"name": example.name, "note": example.note, "c": c}
        return {**shown, **about, "z": views.json_numbers(example.z)}

    def _decode(self, query: Query) -> dict[str, Any]:
        explorer = self._explorer(query)
        z, c = self._code(explorer, query)
        y = explorer.decode(z[None], None if c is None else c[None])[0]
        shown = self._shown(explorer, y)
        if query.get("example") is None:
            return shown
        x = self._seen(query).x
        shown["error"] = views.json_numbers((x - y).double().square().sum())[0]
        if explorer.image:
            apart, bound = views.difference(x, y)
            return {**shown, "difference": views.uri(apart), "bound": bound}
        return shown

    def _score(self, query: Query) -> dict[str, Any]:
        explorer = self._explorer(query)
        scorer = explorer.scorer
        while not scorer.ready:
            with self._turn():
                scorer.advance()
            time.sleep(_MOMENT)
        with self._turn():
            example = self._seen(query)
            rows, absent = scorer.score(example.data, example.c)
        titled = [{**asdict(row), "title": tables.title(row.name)} for row in rows]
        return {"scores": titled, "absent": absent, "count": scorer.count, "note": scorer.absent}

    # ---- codes

    def _samples(self, query: Query) -> dict[str, Any]:
        explorer = self._explorer(query)
        z, x = self._drawn(explorer, query)
        each = zip(z, x, strict=True)
        return {
            "samples": [{"z": views.json_numbers(a), **self._shown(explorer, b)} for a, b in each]
        }

    def _save(self, query: Query) -> SavedFile:
        explorer, what = self._explorer(query), query.get("what")
        if what == "samples":
            z, x = self._drawn(explorer, query)
            return _sheet(explorer, x)
        if what == "line":
            (a, c), (b, d) = (self._code(explorer, query.get(end)) for end in ("a", "b"))
            c = None if c is None or d is None else line(c, d, FRAMES)
            return _moving(explorer, "line", explorer.decode(line(a, b, FRAMES), c))
        z, c = self._code(explorer, query)
        if what == "traversal":
            entry = _whole_number(query.get("entry"), "a latent")
            codes = explorer.traversal(z, entry, FRAMES)
            many = None if c is None else c.expand(FRAMES, -1)
            return _moving(explorer, f"z{entry}", explorer.decode(codes, many))
        if what == "codes.csv":
            return SavedFile("codes.csv", "text/csv", views.code_table(z[None], ["explored"]))
        if what == "codes.npy":
            return SavedFile("codes.npy", "application/octet-stream", views.npy(z[None]))
        if what == "decoded":
            return _sheet(explorer, explorer.decode(z[None], None if c is None else c[None]))
        raise VaekitError(f"there is nothing to save as {what!r}")

    # ---- reading a request

    def _explorer(self, query: Query, key: str = "run") -> Explorer:
        number = _whole_number(query.get(key), "a run")
        if not 0 <= number < len(self.explorers):
            raise VaekitError(f"there is no run {number}")
        return self.explorers[number]

    def _seen(self, query: Query) -> Example:
        """Return the example of a request as its run sees it, the last one without reading it."""
        run, reference = self._explorer(query), query.get("example")
        if not isinstance(reference, Mapping):
            raise VaekitError("an example is named by its part and its index")
        last = self._last.get(query["run"])
        if last is not None and last[0] == reference:
            return last[1]
        part, index = str(reference.get("part")), _whole_number(reference.get("index"), "an index")
        data, name = self._explorer(reference, "of").pick(part, index)
        c = reference.get("c")
        told = None if c is None else _vector(c, len(c) if isinstance(c, list) else -1)
        example = run.example_of(data, name, told)
        self._last[query["run"]] = reference, example
        return example

    def _code(self, explorer: Explorer, query: Any) -> tuple[Tensor, Tensor | None]:
        if not isinstance(query, Mapping):
            raise VaekitError("a code is z, and c for conditional models")
        wanted = explorer.model.condition
        z = _vector(query.get("z"), explorer.model.posterior.latent)
        return z, None if wanted is None else _vector(query.get("c"), wanted.width)

    def _drawn(self, explorer: Explorer, query: Query) -> tuple[Tensor, Tensor]:
        wanted, seed = explorer.model.condition, query.get("seed", 0)
        c = None if wanted is None else _vector(query.get("c"), wanted.width)
        z = explorer.sample(SAMPLES, c, seed)
        return z, explorer.decode(z, None if c is None else c.expand(SAMPLES, -1))

    # ---- writing an answer

    def _shown(self, explorer: Explorer, x: Tensor) -> dict[str, Any]:
        """Return an example x (*shape): a picture, or the columns that are shown."""
        if explorer.image:
            return {"picture": views.uri(views.pixels_shown(x[None], explorer.schema.levels)[0])}
        return {"values": views.row_cells(explorer.schema, explorer.own(x[None]), COLUMNS)}


Answer = TypeVar("Answer", dict[str, Any], SavedFile, dict[str, Any] | SavedFile)


def _noted(answer: Answer, notes: Sequence[WarningMessage]) -> Answer:
    """Put what was warned of into an answer."""
    said = [str(note.message) for note in notes if issubclass(note.category, VaekitWarning)]
    if said and isinstance(answer, dict):
        answer["note"] = " ".join([*said, answer.get("note", "")]).strip()
    return answer


def _whole_number(value: Any, what: str) -> int:
    if not fits(value, int):
        raise VaekitError(f"{what} is named by a whole number, got {value!r}")
    return int(value)


def _vector(values: Any, size: int) -> Tensor:
    if (
        not isinstance(values, list)
        or len(values) != size
        or not all(fits(v, float) for v in values)
    ):
        raise VaekitError(f"expected a list of {size} numbers")
    return torch.tensor(values, dtype=torch.float32)


def _rows_file(explorer: Explorer, name: str, x: Tensor) -> SavedFile:
    columns, own = explorer.schema.columns, explorer.own(x)
    if columns is None:
        content = views.csv_table(explorer.schema.table_names, own.tolist())
    else:
        frame = columns.typed(own)
        content = views.csv_table(frame.columns, frame.rows())
    return SavedFile(f"{name}.csv", "text/csv", content)


def _sheet(explorer: Explorer, x: Tensor) -> SavedFile:
    """Return examples (n, *shape) as one picture, or as rows of a table."""
    name = "decoded" if len(x) == 1 else "samples"
    if not explorer.image:
        return _rows_file(explorer, name, x)
    sheet = pictures.grid(views.pixels_shown(x, explorer.schema.levels), min(len(x), _SHEET_WIDTH))
    side = views.SIDE * max(1, min(len(x), _SHEET_WIDTH) // 2)
    return SavedFile(f"{name}.png", "image/png", views.png(sheet, side))


def _moving(explorer: Explorer, name: str, x: Tensor) -> SavedFile:
    """Return examples (n, *shape) as a moving picture, or as rows of a table."""
    if not explorer.image:
        return _rows_file(explorer, name, x)
    return SavedFile(
        f"{name}.gif", "image/gif", views.gif(views.pixels_shown(x, explorer.schema.levels))
    )
