"""A run folder holds all of one run and needs nothing else to be read.

run.yaml           what decides the run, and where and when it was made
history.csv        the terms by step
model.safetensors  the weights, once training has ended or been stopped
checkpoint/        while unfinished: last.safetensors
metrics.json       numbers, each with its estimator and sample count
report.html        the page
"""

from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import Tensor

from vaekit.arguments import expect
from vaekit.data import Dataset, Schema, Splits, source
from vaekit.errors import VaekitError, warn
from vaekit.faces import Numbers
from vaekit.model import Condition, Model
from vaekit.runs import history, judging, refits, results, summary
from vaekit.runs.config import Config
from vaekit.runs.run_file import read_config
from vaekit.runs.use import coding, conditions, examples, imputing, inputs, mixed, outputs
from vaekit.system import files, weights
from vaekit.training.fabric import pick
from vaekit.training.state import OWN

MODEL, CHECKPOINT = "model.safetensors", Path("checkpoint") / "last.safetensors"


class Run:
    """Read a run folder: its config, data, trained model, history and metrics; use its model.

    Examples x are an array or tensor (N, *shape) as the run was trained on: uint8 or floats of the
    same scale for images, the table's own columns and units for a table; a `Dataset`; a path or a
    set's name, read as the run's own data were; a `DataLoader`, whose batches are read as arrays
    are; or None for the run's own test set. Raises `VaekitError` where the folder is no run or its
    weights are missing or damaged.
    """

    def __init__(self, folder: Path | str, data_dir: Path | str | None = None):
        expect(folder, Path | str, "a run folder by its path", [(Run, "it is open already")])
        if data_dir is not None:
            data_dir = files.place(data_dir, "the data folder")
        self.folder = files.place(folder, "a run")
        if self.folder.is_file():
            raise VaekitError(
                f"{folder} is not a run folder but a file: name the folder of a run, or read an "
                "estimator's file with vaekit.estimators.load(path)"
            )
        if not (self.folder / "run.yaml").is_file():
            raise VaekitError(f"{folder} is not a run folder: it has no run.yaml")
        self._data_dir = data_dir

    def __repr__(self) -> str:
        kind = self.config
        return f"Run({str(self.folder)!r}: {kind.recipe} on {kind.data}, {kind.notes.get('state')})"

    _repr_html_ = outputs.run_face

    @cached_property
    def config(self) -> Config:
        """Return what decided the run."""
        config = read_config(self.folder / "run.yaml")
        return config if self._data_dir is None else replace(config, data_dir=str(self._data_dir))

    @cached_property
    def data(self) -> Splits:
        """Return the training and test sets; raise `VaekitError` where they have changed."""
        return self.config.parted(self.splits)[0]

    def is_made_of(self, path: Path) -> bool:
        """Tell whether a path is, or would be, one of the files that the run was trained on."""
        texts = [t for t in (self.config.data, self.config.validation) if isinstance(t, str)]
        with suppress(VaekitError):  # files that are gone are no more to be lost
            return path.parent.resolve() != self.folder.resolve() and any(
                source(text).holds(path) for text in texts
            )
        return False

    @property
    def validation(self) -> Dataset | None:
        """Return the validation set, None for a run without one."""
        named = self.config.validation
        if isinstance(named, str):
            held_out = inputs.examples(self, named, split=inputs.first_split(named)).data
            return conditions.matched(held_out, self.condition, self.schema)
        return self.config.parted(self.splits)[1]

    @cached_property
    def splits(self) -> Splits:
        """Return the sets as they were read, before a part of the training set was set aside."""
        splits = self.config.load_data()
        read, then = dict(splits.train.files), self.config.notes.get("sums") or {}
        other = {name for name, own in splits.sums().items() if then.get(name, own) != own}
        if "test" in other or self.config.data_checksum not in (None, splits.train.checksum()):
            cure = "bring back the original files, or train anew"
            if read and read == self.config.notes.get("files"):
                cure = "the files are the same, but are read otherwise than then: train anew"
            raise VaekitError(
                f"the data {self.config.data} differ from those of the run {self.folder}: {cure}"
            )
        if "classes" in other:
            warn(
                f"the classes of the data {self.config.data} have changed since {self.folder} was "
                "trained, so what is said of them is of others: bring the original ones back, or "
                "train anew"
            )
        return splits

    @cached_property
    def system(self):
        """Return the recipe's model and objective with the run's weights, ready to be read."""
        path, state, self.stamp = self._state()
        if "shape" not in self.config.notes:
            raise VaekitError(
                f"{self.folder / 'run.yaml'} lacks the shape of the examples (notes: shape), which "
                "training writes: bring it back, or train anew"
            )
        system = self.config.build(tuple(self.config.notes["shape"]))
        cure = "bring back the run's own weights, or train anew"
        wrong = f"{path} is not of this run's model"
        weights.check_weights(state, system.model.state_dict(), wrong, cure)
        system.model.load_state_dict(state)
        return system._replace(model=system.model.eval().to(pick("auto")))

    @cached_property
    def stamp(self) -> results.Stamp:
        """Tell the weights: those that were read, or where none were, those in the folder."""
        return self._state()[2]

    def _state(self) -> tuple[Path, dict[str, Tensor], results.Stamp]:
        """Read the model's weights; again where a training has just replaced or removed them."""
        try:
            path = self.weights
            tensors, about = weights.read_tensors(path)
        except VaekitError:
            path = self.weights
            tensors, about = weights.read_tensors(path)
        state = {k.removeprefix(OWN): v for k, v in tensors.items() if k.startswith(OWN)}
        step = weights.step_of(about)
        last = max((int(row["step"]) for row in self.history), default=None)
        stamp = results.Stamp(last if step is None else step, weights.mark(state))
        return path, state, stamp

    @property
    def condition(self) -> Condition | None:
        """Return what the model is conditioned on, None where on nothing."""
        return self.model.condition

    @property
    def model(self) -> Model:
        """Return the trained model in evaluation mode, on the GPU where there is one."""
        return self.system.model

    @cached_property
    def schema(self) -> Schema:
        """Return what is known of the training data; an older run's data are read for it."""
        return Schema.read(self.config.notes) or Schema.of(self.data.train)

    encode, codes, decode = coding.encode, coding.codes, coding.decode
    reconstruct, sample = coding.reconstruct, coding.sample
    frame, impute = mixed.frame, imputing.impute
    imputation_errors = imputing.imputation_errors
    encode_batches, reconstruct_batches = coding.encode_batches, coding.reconstruct_batches
    evaluate, ledger = judging.evaluate_run, judging.ledger_of_run
    refit = refits.refit_run
    score, score_batches = examples.score_each, examples.score_each_batch
    interpolate = examples.interpolate
    report, show = outputs.report, outputs.show
    explore, export, traverse = outputs.explore, outputs.export, outputs.traverse_run
    from_pretrained = classmethod(outputs.open_pretrained)
    summary = summary.summary_of

    @property
    def weights(self) -> Path:
        """Return the file of the final weights, or of the last checkpoint."""
        final = self.folder / MODEL
        last = self.checkpoint
        if not final.exists() and not last.exists():
            raise VaekitError(f"{self.folder} has no weights{self._without()}")
        return final if final.exists() else last

    def _without(self) -> str:
        """Say why there are no weights, and what gives some."""
        notes = self.config.notes
        if notes.get("state") == "diverged":
            return (
                f", it diverged at step {notes.get('step')} before a checkpoint was due: train it "
                "anew into another folder, with a smaller --lr or checkpoints at shorter intervals"
            )
        if notes.get("state") == "finished":
            return " any more: bring model.safetensors back, or train it anew with --resume"
        return " yet: resume its training with --resume"

    @property
    def checkpoint(self) -> Path:
        """Return where the last checkpoint lies while the run is unfinished."""
        return self.folder / CHECKPOINT

    @property
    def history(self) -> list[dict[str, float]]:
        """Return the rows of history.csv."""
        return history.read(self.folder / "history.csv")

    @property
    def metrics(self) -> Numbers:
        """Return what metrics.json holds, empty where the run was not evaluated.

        A damaged one is empty too, with a warning.
        """
        return Numbers(results.read_results(self.folder / results.METRICS))

    def save_metrics(self, metrics: dict[str, Any]) -> None:
        """Write metrics.json."""
        results.write_results(self.folder / results.METRICS, metrics)

    def judged(self) -> bool:
        """Say whether metrics.json has numbers, of the weights that the run has."""
        metrics = self.metrics
        return bool(metrics) and results.are_of(metrics, self.stamp)

    def overtaken(self, metrics: dict[str, Any]) -> bool:
        """Say whether numbers are of newer weights than those that were read here.

        So are those of a later step, and those of the weights that lie in the folder by now.
        """
        there = {each.get("weights") for each in metrics.values()} - {None, self.stamp.mark}
        steps = [each["step"] for each in metrics.values() if each.get("step") is not None]
        if self.stamp.step is not None and max(steps, default=-1) > self.stamp.step:
            return True
        with suppress(VaekitError):  # there may be no weights at this moment
            return bool(there) and there == {Run(self.folder).stamp.mark}
        return False
