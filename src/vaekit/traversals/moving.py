"""Change the codes of a run's examples: one latent, one category, or two latents together."""

from collections.abc import Iterator, Sized
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from vaekit import apply
from vaekit.apply import condition_of, device_of, evaluating
from vaekit.arguments import expect, told
from vaekit.data import Dataset
from vaekit.errors import VaekitError, nearest
from vaekit.information.aggregated.categories import categories_of
from vaekit.report.codes import ItemCodes, encode_items, informative, sweep, typical
from vaekit.runs import Run
from vaekit.runs.use import coding, inputs
from vaekit.traversals.rows import MovedRow, three_digits

RANGE_ITEMS = 2000  # test examples whose codes say which latents carry something
MOST = 64  # examples at once
_SPAN = 3.0


@dataclass(frozen=True)
class TraversedExample:
    """Hold x (*shape), its mean code z (H,), its condition c (1, width), and p(z|c)'s mean and sd.

    `prior` is None where p(z) is the same for all; `categories` says where one-hots lie in z.
    """

    name: str
    x: Tensor
    z: Tensor
    c: Tensor | None
    prior: tuple[np.ndarray, np.ndarray] | None
    categories: dict[str, slice]


def at_commas(text: str) -> list[str]:
    """Part names at commas; raise `VaekitError` where there is none between two of them."""
    parts = [part.strip() for part in text.split(",")]
    if not all(parts):
        raise VaekitError(f"names with commas between are wanted, got {text!r}")
    return parts


class Mover:
    """Change the codes of examples of one run; `of` are those, by number where none was named."""

    def __init__(
        self, run: Run, of: Any, condition: Any, ends: tuple[float, float] | None, steps: int
    ):
        self.run, self.ends, self.steps = run, ends, steps
        self.of = [int(self._known.rows[typical(self._known)])] if of is None else of
        self.examples = list(self._examples(condition))
        ones = self.examples[0].categories
        inside = {k for where in ones.values() for k in range(where.start, where.stop)}
        self.latents = [h for h in range(len(self.examples[0].z)) if h not in inside]
        self.ones = {name or "category": where for name, where in ones.items()}
        wanted = run.model.condition
        self.classes = wanted.width if wanted is not None and wanted.kind == "labels" else 0
        self.names = [*self.ones, *(["condition"] if self.classes else [])]

    def rows(self, on: Any, plane: Any) -> Iterator[MovedRow]:
        """Yield the rows of all examples, one latent after the other."""
        if plane is not None:
            across, up = self._two(plane)
            for example in self.examples:
                yield from self._plane(example, across, up)
            return
        for what in self._moved(on):
            for example in self.examples:
                if isinstance(what, int):
                    yield self._one(example, what)
                elif what in self.ones:
                    yield self._each(example, what)
                else:
                    yield self._under_each(example)

    # ---- examples

    @cached_property
    def _known(self) -> ItemCodes:
        """Return the codes of test examples; raise where the data are not to be had."""
        return encode_items(self.run.model, self.run.data.test, RANGE_ITEMS)

    @cached_property
    def _codes(self) -> ItemCodes | None:
        try:
            return self._known
        except VaekitError:
            return None

    def _examples(self, condition: Any) -> Iterator[TraversedExample]:
        given = self.of if isinstance(self.of, list | tuple) else [self.of]
        if not given:
            raise VaekitError("name an example at least (--of, of=)")
        count = 0
        for data, names in map(self._named, given):
            count += len(names)
            if count > MOST:
                raise VaekitError(f"more than {MOST} examples cannot be seen at once")
            seen, c = coding.prepared(self.run, data, condition)
            if not isinstance(seen, Dataset):
                raise VaekitError("examples to start from are numbers, files or arrays, no loader")
            for row, name in enumerate(names):
                told = c if c is None or len(c) == 1 else c[[row]]
                yield self._example(seen, row, told, name)

    def _named(self, what: Any) -> tuple[Any, list[str]]:
        """Return examples that a user names, with their names."""
        if (number := inputs.number_of(what)) is not None:
            data, name = inputs.numbered(self.run, number)
            return data, [name]
        if isinstance(what, str | Path):
            found = inputs.examples(self.run, str(what)).first(MOST + 1)
            return found.data, list(found.names)
        one = isinstance(what, np.ndarray | Tensor) and what.shape == self.run.schema.shape
        data = what[None] if one else what
        cure = [(object, "a whole number names one of the test part, text a file or folder")]
        expect(data, Sized, "examples to start from", cure)
        return data, [f"example {k}" for k in range(len(data))]

    @torch.no_grad()
    def _example(self, data: Dataset, row: int, c: Tensor | None, name: str) -> TraversedExample:
        model, which = self.run.model, torch.tensor([row])
        with evaluating(model):
            x = data.batch(which).to(device_of(model))
            c = condition_of(model, data, which) if c is None else c.to(x.device)
            q = model.encode(x, c)
            p = None if model.prior is None else model.expect(q.mean, c)
        prior = None
        if p is not None and p.batch_shape:
            prior = p.mean[0].cpu().numpy(), p.variance[0].sqrt().cpu().numpy()
        c = None if c is None else c.cpu()
        return TraversedExample(
            name, x[0].cpu(), q.mean[0].float().cpu(), c, prior, categories_of(q)
        )

    # ---- what moves

    def _moved(self, on: Any) -> list[int | str]:
        """List latents by number, one-hots by name, and the condition."""
        if on is None:
            shown = self.latents if self._codes is None else informative(self._codes)
            return [*shown, *self.names]
        named = self._each_of(on)
        if named == ["all"]:
            return [*self.latents, *self.names]
        return [self._checked(each) for each in named]

    def _each_of(self, named: Any) -> list[Any]:
        """Part what is moved at commas, as the command line writes it."""
        if isinstance(named, str) and named not in self.names:
            return at_commas(named)
        named = named.tolist() if isinstance(named, np.ndarray | Tensor) else named
        return list(named) if isinstance(named, list | tuple) else [named]

    def _checked(self, what: Any) -> int | str:
        text = str(what).strip()
        number = text.removeprefix("z")
        if not number.isdecimal():
            if text == "category" and len(self.ones) == 1:
                return next(iter(self.ones))
            if text in self.names:
                return text
            latents = [f"{self.latents[0]} to {self.latents[-1]}"] if self.latents else []
            raise nearest(text, [*latents, *self.names, "all"], "latent or one-hot")
        if int(number) in self.latents:
            return int(number)
        for name, where in self.ones.items():
            if where.start <= int(number) < where.stop:
                raise VaekitError(
                    f"z{number} is one entry of the one-hot {name}, whose categories are set in "
                    f"turn: name {name}"
                )
        raise VaekitError(
            f"the code of {self.run.folder} has {len(self.examples[0].z)} entries, z0 to "
            f"z{len(self.examples[0].z) - 1}: there is no z{number}"
        )

    def _two(self, plane: Any) -> tuple[int, int]:
        across, *up = [self._checked(each) for each in self._each_of(plane)]
        if len(up) != 1 or not isinstance(across, int) or not isinstance(up[0], int):
            raise VaekitError(f"a plane has two latents by number, as 0,1: {told(plane)}")
        if across == up[0]:
            raise VaekitError(f"a plane has two different latents: {told(plane)}")
        return across, up[0]

    def _values(self, example: TraversedExample, latent: int) -> np.ndarray:
        if self.ends is not None:
            return np.linspace(*self.ends, self.steps)
        span, codes = np.linspace(-_SPAN, _SPAN, self.steps), self._codes
        if example.prior is not None:
            return example.prior[0][latent] + span * example.prior[1][latent]
        return span if codes is None or codes.nats else sweep(codes, latent, self.steps)

    # ---- rows

    def _one(self, example: TraversedExample, latent: int) -> MovedRow:
        values = self._values(example, latent)
        z = example.z.repeat(len(values), 1)
        z[:, latent] = torch.from_numpy(values).float()
        label = "" if self._codes is None else self._codes.label(latent)
        return self._decoded(example, z, f"z{latent}", values.tolist(), label=label)

    def _each(self, example: TraversedExample, name: str) -> MovedRow:
        where = self.ones[name]
        z = example.z.repeat(where.stop - where.start, 1)
        z[:, where] = torch.eye(len(z))
        return self._decoded(example, z, name, list(range(len(z))))

    def _under_each(self, example: TraversedExample) -> MovedRow:
        """Keep the code, and set each class that training had in turn as the condition."""
        schema = self.run.schema
        seen, names = list(schema.classes or range(self.classes)), schema.label_names
        z = example.z.repeat(len(seen), 1)
        values = [names[k] if k < len(names) else str(k) for k in seen]
        return self._decoded(example, z, "condition", values, c=torch.eye(self.classes)[seen])

    def _plane(self, example: TraversedExample, across: int, up: int) -> Iterator[MovedRow]:
        horizontal, vertical = self._values(example, across), self._values(example, up)
        for value in vertical[::-1]:  # upwards, as axes are
            z = example.z.repeat(self.steps, 1)
            z[:, across], z[:, up] = torch.from_numpy(horizontal).float(), float(value)
            at = f"z{up} = {three_digits(value)}"
            yield self._decoded(example, z, f"z{across}", horizontal.tolist(), at=at)

    def _decoded(
        self,
        example: TraversedExample,
        z: Tensor,
        moved: str,
        values: list[float] | list[str],
        c: Tensor | None = None,
        at: str = "",
        label: str = "",
    ) -> MovedRow:
        own = example.c if c is None else c
        own = own.expand(len(z), -1) if own is not None else None
        schema = self.run.schema
        x = schema.own(apply.decode(self.run.model, z, own))
        original = schema.own(example.x[None])[0]
        return MovedRow(self.run.folder.name, example.name, moved, values, x, original, at, label)
