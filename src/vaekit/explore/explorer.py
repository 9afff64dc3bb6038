"""A trained run that can be asked again and again: any code decoded, any example looked at.

    explorer = Explorer(run)
    example = explorer.example("test", 3)        # its code, its condition
    explorer.decode(example.z[None])             # its reconstruction, on the scale of the model
    part = explorer.add("own.png", content)      # a file's bytes, read as `encode RUN FILE` does

Tensors are on the CPU and on the scale of the model; `own` brings rows of a table to its own units.
"""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from warnings import catch_warnings, simplefilter

import numpy as np
import torch
from torch import Tensor

from vaekit import apply
from vaekit.data import Dataset
from vaekit.errors import VaekitError, VaekitWarning, warn
from vaekit.explore.controls import (
    Choice,
    Slider,
    category_choices,
    condition_controls,
    latent_sliders,
)
from vaekit.explore.scoring import Scorer
from vaekit.report.codes import ItemCodes, encode_items, typical
from vaekit.runs import Run
from vaekit.runs.use import coding, inputs
from vaekit.runs.use.inputs import Examples
from vaekit.system import writing

_ITEMS = 2000  # test items whose codes give the order and the ranges of the latents


@dataclass(frozen=True)
class Example:
    """Hold an example of its `name`: x (*shape), its mean code z (H,), its condition c (width,).

    `data` is the set of this one example; c is None for models without a condition; `note` says
    what is unusual of it.
    """

    name: str
    data: Dataset
    x: Tensor
    z: Tensor
    c: Tensor | None
    note: str = ""


class Explorer:
    """Hold a run's model, the codes of its data, and the examples that were picked or dropped.

    Without the run's data there is no `codes`, and `absent` says why; own files serve all the
    same. Raises `VaekitError` for a run without weights.
    """

    def __init__(self, run: Run):
        self.run, self.model, self.schema = run, run.model, run.schema
        self.scorer = Scorer(run)
        self.absent = ""
        self._files = dict[str, Examples]()

    @property
    def image(self) -> bool:
        """Say whether examples are images, (C, H, W), and not vectors."""
        return len(self.schema.shape) == 3

    @cached_property
    def codes(self) -> ItemCodes | None:
        """Return the codes of test items, None where the data are not to be had."""
        try:
            return encode_items(self.model, self.run.data.test, _ITEMS)
        except VaekitError as error:
            self.absent = str(error)
            return None

    # ---- what can be moved

    @property
    def latents(self) -> list[Slider]:
        """List the sliders of latents, the most informative first."""
        width = self.model.posterior.latent
        return latent_sliders(width, self.codes)

    @property
    def categories(self) -> list[Choice]:
        """List the one-hots of the code."""
        return category_choices(self.codes)

    @property
    def conditions(self) -> list[Choice | Slider]:
        """List what the model is conditioned on, nothing for models without a condition."""
        return condition_controls(self.model.condition, self.schema, self.codes)

    def usual_condition(self) -> Tensor | None:
        """Return the condition (width,) to begin with, None for models without one."""
        if self.model.condition is None:
            return None
        if self.codes is not None and self.codes.conditions is not None:
            return self.codes.conditions[typical(self.codes)]
        c = torch.zeros(self.model.condition.width)
        for control in self.conditions:
            if isinstance(control, Choice):
                c[control.options[0][0]] = 1
        return c

    # ---- examples

    @cached_property
    def _own_parts(self) -> dict[str, Examples]:
        if self.codes is None:
            return {}
        return {part: inputs.examples(self.run, None, part) for part in ("test", "train")}

    @property
    def parts(self) -> dict[str, int]:
        """Return the number of examples in the test and training part and in each file added."""
        return {name: len(part.names) for name, part in (self._own_parts | self._files).items()}

    def typical_example(self) -> tuple[str, int] | None:
        """Return part and index of the test item nearest to the mean code, None without data."""
        if self.codes is None:
            return None
        return "test", int(self.codes.rows[typical(self.codes)])

    def example(self, part: str, index: int, c: Tensor | None = None) -> Example:
        """Return an example of a part; raise `VaekitError` where there is none.

        c (width,) is the condition of an example that has none of its own.
        """
        return self.example_of(*self.pick(part, index), c)

    def pick(self, part: str, index: int) -> tuple[Dataset, str]:
        """Return an example of a part as a set of one, and its name."""
        known = self._own_parts | self._files
        if part not in known:
            raise VaekitError(f"there is no part {part!r} of examples")
        examples = known[part]
        if not 0 <= index < len(examples.names):
            last = len(examples.names) - 1
            raise VaekitError(f"{part} has the examples 0 to {last}, there is no {index}")
        name = examples.names[index]
        own = examples.files or part in self._files
        return examples.data.subset([index]), name if own else f"{part} {index}"

    def example_of(self, data: Dataset, name: str, c: Tensor | None = None) -> Example:
        """Return what the model makes of a set of one example; raise `VaekitError` as `encode`."""
        wanted = self.model.condition
        given = None
        if wanted is not None and getattr(data, wanted.kind) is None:
            c = self.usual_condition() if c is None else c
            given = None if c is None else c[None].numpy()
        seen, own = coding.prepared(self.run, data, given)
        assert isinstance(seen, Dataset)
        one = torch.arange(1)
        z = apply.encode_set(self.model, seen, own).mean[0]
        own = apply.condition_of(self.model, seen, one) if own is None else own
        far, *_ = coding.rows_outside(self.run, seen)
        note = "This row lies far outside the training data." if far else ""
        x = seen.batch(one)[0].cpu()
        return Example(name, seen, x, z, None if own is None else own[0].cpu(), note)

    def add(self, name: str, content: bytes) -> str:
        """Read a file's bytes as `encode RUN FILE` does, and return the name of its part.

        Raises `VaekitError` for what is damaged, or not as the run was trained on; warns of what
        was changed.
        """
        plain = PurePosixPath(name.replace("\\", "/").replace("\0", "")).name or "file"
        with TemporaryDirectory(prefix="vaekit-", ignore_cleanup_errors=True) as folder:
            path = Path(folder) / plain

            def told(text: object) -> str:
                return str(text).replace(str(path), plain).replace(folder, plain)

            try:
                with writing(path):
                    path.write_bytes(content)
                with catch_warnings(record=True) as notes:
                    simplefilter("always", VaekitWarning)
                    self._files[plain] = inputs.examples(self.run, str(path))
            except VaekitError as error:
                raise VaekitError(told(error)) from None
        for note in notes:
            warn(told(note.message))
        return plain

    # ---- codes

    def decode(self, z: Tensor, c: Tensor | None = None) -> Tensor:
        """Return the mean of p(x|z, c), (n, *shape), for codes z (n, H), c (n, width)."""
        return apply.decode(self.model, z, c)

    def own(self, x: Tensor) -> np.ndarray:
        """Return examples (n, *shape) as the user has them: rows in the table's own units."""
        return self.schema.own(x)

    def sample(self, n: int, c: Tensor | None = None, seed: int = 0) -> Tensor:
        """Draw codes (n, H) from the prior under one condition c (width,).

        Raises `VaekitError` for a model without a prior.
        """
        return apply.sample_codes(self.model, n, None if c is None else c.repeat(n, 1), seed)

    def traversal(self, z: Tensor, entry: int, steps: int) -> Tensor:
        """Return codes (steps, H) that move one entry of z (H,) through its slider's range."""
        slider = next((each for each in self.latents if each.entry == entry), None)
        if slider is None:
            raise VaekitError(f"there is no latent {entry} to move")
        codes = z.repeat(steps, 1)
        codes[:, entry] = torch.linspace(slider.low, slider.high, steps)
        return codes


def line(a: Tensor, b: Tensor, steps: int) -> Tensor:
    """Return points (steps, H) on the straight line from a (H,) to b (H,), both ends with it."""
    return torch.lerp(a, b, torch.linspace(0, 1, steps)[:, None])
