"""A trained run at work: encode, decode, reconstruct, sample.

Sets and what a `DataLoader` gives go through the model batch by batch. What comes of them is
returned whole, or written to a file row by row where it is too much for the memory.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from vaekit import apply
from vaekit.apply import Stream
from vaekit.arguments import check, check_counts
from vaekit.data import Dataset
from vaekit.data.border import pieces
from vaekit.data.files.tables import is_frame
from vaekit.errors import VaekitError, nearest, shortened, warn
from vaekit.given import check_seed
from vaekit.information.fitted.code_prior import CODE_COMPONENTS, with_code_prior
from vaekit.information.missing import rows_given
from vaekit.runs.use import conditions, inputs, mixed
from vaekit.runs.use.brought import codes_in
from vaekit.system import files
from vaekit.system.npy import save_rows
from vaekit.system.progress import steps
from vaekit.values import unmasked

if TYPE_CHECKING:
    from vaekit.runs.folder import Run

SOURCES = {  # of codes for samples
    "prior": "the prior",
    "codes": "a mixture fitted to codes",
    "flow": "a flow fitted to codes",
}
_ROWS_NAMED = 8  # rows that a note names
Input = np.ndarray | Tensor | Dataset | DataLoader | Stream | Path | str | None


def encode(
    run: "Run",
    x: Input = None,
    condition: Any = None,
    draw: bool = False,
    seed: int = 0,
    out: Path | str | None = None,
) -> np.ndarray:
    """Return the mean of q(z|x), or with `draw` one sample of it, (N, H) float32.

    `condition` is for conditional models: a class by number or name, {factor: level}, a list of
    attributes, or an array with one for each example; a `Dataset` brings its own, and a loader
    gives pairs (x, condition). With `out`, a new .npy file, the codes are written there batch by
    batch, and mapped. Raises `VaekitError` for examples and conditions that are not as in training,
    for an `out` that is there already or no .npy, and for a loader whose length is not known.
    """
    check("draw", draw, bool, False)
    place = _new_file(out)
    data, c = prepared(run, x, condition)
    parts = apply.encode_batches(run.model, data, c, draw, seed)
    return _whole((code for code, _, _ in parts), data, place)


def codes(
    run: "Run", x: Input = None, condition: Any = None, draw: bool = False, seed: int = 0
) -> apply.Codes:
    """Return code, mean and standard deviation of q(z|x), tensors (N, H), as `encode` does."""
    check("draw", draw, bool, False)
    check_seed(seed)
    return apply.encode_set(run.model, *prepared(run, x, condition), draw, seed)


def encode_batches(
    run: "Run", x: Input = None, condition: Any = None, draw: bool = False, seed: int = 0
) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
    """Yield code, mean and deviation of each batch, (n, H), as `apply.encode_batches` does."""
    check("draw", draw, bool, False)
    check_seed(seed)
    return apply.encode_batches(run.model, *prepared(run, x, condition), draw, seed)


def decode(run: "Run", z: np.ndarray | Tensor, condition: Any = None) -> np.ndarray:
    """Return the mean of p(x|z), (N, *shape), for codes z (N, H); rows in a table's own units.

    Codes may come in a file of `encode` or a data frame, where z0, z1, … go by their names.
    Raises `VaekitError` for codes of another width, NaN, and a condition that does not fit.
    """
    if is_frame(z) or isinstance(z, str | Path):
        z = codes_in(z)[0]
    z = apply.latent_codes(run.model, z if isinstance(z, Tensor) else unmasked(z))
    c = _condition(run, condition, len(z))
    return run.schema.own(apply.decode(run.model, z, c))


def reconstruct(
    run: "Run", x: Input = None, condition: Any = None, out: Path | str | None = None
) -> np.ndarray:
    """Return the mean of p(x|z) at the mean code of each example, (N, *shape).

    With `out` they are written, and mapped, as codes are by `encode`. Raises `VaekitError` as that.
    """
    place = _new_file(out)
    data, c = prepared(run, x, condition)
    parts = (run.schema.own(part) for part in apply.reconstruct_batches(run.model, data, c))
    return _whole(parts, data, place)


def reconstruct_batches(run: "Run", x: Input = None, condition: Any = None) -> Iterator[np.ndarray]:
    """Yield what `reconstruct` returns batch by batch."""
    parts = apply.reconstruct_batches(run.model, *prepared(run, x, condition))
    return (run.schema.own(part) for part in parts)


def sample(
    run: "Run",
    n: int = 16,
    condition: Any = None,
    seed: int = 0,
    source: str = "prior",
    components: int | None = None,
    given: Mapping[str, Any] | str | None = None,
    draw: bool | None = None,
) -> np.ndarray:
    """Return the mean of p(x|z) for n codes drawn from the prior, (n, *shape).

    With `draw` it is a draw of p(x|z), which None means for mixed columns: of a class there is no
    mean. `given`, of mixed columns too, are values that the rows have, {column: value} or text
    `city=Oslo, age=40`; their codes are chosen by how well they explain these.

    With `source="codes"` they are drawn from a mixture of 10 Gaussians, or `components`, with
    `source="flow"` from a normalising flow; both are fitted to the codes of the training data, so
    that autoencoders without a prior have samples too.
    The same seed gives the same samples. Raises `VaekitError` for a model without a prior, for a
    condition that is missing or does not fit, and as `information.with_code_prior` does.
    """
    check("draw", draw, bool | None, None)
    check_counts(n=n)
    check_seed(seed)
    if source not in SOURCES:
        raise nearest(str(source), SOURCES, "source of codes")
    if components is not None and source != "codes":
        raise VaekitError("components are of a mixture fitted to codes: give --from codes too")
    c, model = _condition(run, condition, n), run.model
    if source != "prior":
        count = CODE_COMPONENTS if components is None else components
        kind = "flow" if source == "flow" else "mixture"
        model = with_code_prior(model, run.data.train, count, kind=kind)
    if given is not None:
        row = mixed.given_row(run, given)
        x = torch.from_numpy(mixed.columns_of(run).scaled(row)[0]).float()
        own = run.schema.own(rows_given(model, x, n, None if c is None else c[0], seed).x)
        return np.where(np.isnan(row), own, row)  # what is asked for to the last digit
    drawn = model.likelihood.missing if draw is None else draw
    return run.schema.own(apply.sample(model, n, c, seed, drawn))


# ---- what goes in, and where it goes


def prepared(run: "Run", x: Any, condition: Any) -> tuple[Dataset | Stream, Tensor | None]:
    """Return examples, and their conditions unless they have their own; raise as `encode` does."""
    data, wanted = admitted_examples(run, x), run.model.condition
    if isinstance(data, Dataset):
        if wanted is not None and condition is None:
            return conditions.matched(data, wanted, run.schema), None
        return data, _condition(run, condition, len(data))
    if condition is None:  # what the model needs stands beside x
        return data, None
    try:
        return data, _condition(run, condition, 1)
    except VaekitError as error:
        raise VaekitError(f"{error}; a DataLoader takes one for all, or gives pairs") from None


def admitted_examples(run: "Run", x: Any) -> Dataset | Stream:
    """Return examples on the scale of the training; None: the run's own test set."""
    if isinstance(x, Stream):
        return x
    if isinstance(x, DataLoader):
        return Stream(x, run.schema.admitted, lambda *beside: _told(run, *beside))
    if x is None or isinstance(x, str | Path):
        return read_examples(run, x).data
    framed = is_frame(x) and run.schema.columns is not None
    data = inputs.of_frame(run, x) if framed else run.schema.admitted(x)
    if not isinstance(x, Dataset):  # which was looked at where it was read
        warn_of_far_rows(run, data)
    return data


def read_examples(run: "Run", x: Path | str | None) -> inputs.Examples:
    """Read what a user names as `inputs.examples` does, and warn of rows of its own far outside."""
    given = inputs.examples(run, None if x is None else str(x))
    if x is not None:
        warn_of_far_rows(run, given.data, given.names)
    return given


def _told(run: "Run", beside: Any, count: int, wanted: Any) -> Tensor:
    """Read the conditions of a loader's batch as those of an array are read."""
    given = apply.beside_each(beside, count, wanted)
    return conditions.vectors(given, count, wanted, run.schema)


def _condition(run: "Run", value: Any, n: int) -> Tensor | None:
    wanted = run.model.condition
    if wanted is not None and value is not None:
        return conditions.vectors(value, n, wanted, run.schema)
    if wanted is not None:
        raise VaekitError(
            f"this model is conditioned on {wanted.kind}: say on which with --condition "
            "(condition=)"
        )
    if value is not None:
        raise VaekitError("this model takes no condition: leave it out")
    return None


def _new_file(out: Path | str | None) -> Path | None:
    if out is None:
        return None
    path = files.place(out, "a .npy file to write")
    if path.suffix.lower() != ".npy":
        raise VaekitError(f"{path} does not serve here: name a file that ends in .npy")
    if path.exists():
        raise VaekitError(f"{path} exists: choose another name, or remove it first")
    files.check_file(path)
    return path


def _whole(
    parts: Iterable[Tensor] | Iterable[np.ndarray], data: Dataset | Stream, out: Path | None
) -> np.ndarray:
    """Join batches in memory, or in a file that is then mapped."""
    if out is not None:
        files.write_file(out, lambda part: save_rows(part, map(np.asarray, parts)))
        return np.load(out, mmap_mode="r")
    tensors = ((torch.as_tensor(part),) for part in parts)
    return apply.joined(tensors, len(data) if isinstance(data, Dataset) else None)[0].numpy()


def rows_outside(run: "Run", data: Dataset) -> tuple[int, list[int], list[str]]:
    """Count the rows of a table that lie far, by a whole range, outside those of the training.

    The first eight of them are listed beside, and the columns in which they do.
    """
    low, high = run.schema.range
    count, first = 0, list[int]()
    if run.schema.columns is None:
        return count, first, []
    far = torch.zeros(data.shape, dtype=torch.bool)
    for part in steps(list(pieces(len(data), data.images[0].nbytes)), "pieces looked at"):
        x = data.batch(torch.arange(part.start, part.stop))
        entries = (x < low - (high - low)) | (x > high + (high - low))
        far, outside = far | entries.any(0), entries.any(1)
        count += int(outside.sum())
        if len(first) < _ROWS_NAMED:
            rows = outside.nonzero()[: _ROWS_NAMED - len(first), 0] + part.start
            first += rows.tolist()
    return count, first, [run.schema.columns.names[k] for k in far.nonzero()[:, 0].tolist()]


def warn_of_far_rows(run: "Run", data: Dataset, names: Sequence[str] | None = None) -> None:
    """Warn of what `rows_outside` finds."""
    far, first, columns = rows_outside(run, data)
    if far:
        listed = ", ".join(str(row) if names is None else names[row] for row in first)
        listed += f", … ({far:,} in all)" if far > len(first) else ""
        warn(
            f"{far} of {len(data)} rows lie far outside the training data, in "
            f"{shortened(columns)}: {listed}"
        )
