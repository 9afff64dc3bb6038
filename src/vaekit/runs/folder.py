"""A run folder holds all of one run and needs nothing else to be read.

run.yaml           what decides the run, and where and when it was made
history.csv        the terms by step
model.safetensors  the weights, once training has ended or been stopped
checkpoint/        while unfinished: last.safetensors
metrics.json       numbers, each with its estimator and sample count
report.html        the page
"""

import json
from functools import cached_property
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from vaekit import data, files
from vaekit.errors import VaekitError
from vaekit.model import Model
from vaekit.runs import config as configs
from vaekit.runs import history
from vaekit.train import checkpoint
from vaekit.train.fabric import pick

CHECKPOINT = Path("checkpoint") / "last.safetensors"


class Run:
    """Read a run folder: its config, data, trained model, history and metrics.

    Raises `VaekitError` where the folder is no run or its weights are missing or damaged.
    """

    def __init__(self, folder: Path | str, data_dir: Path | str | None = None):
        self.folder = Path(folder)
        if not (self.folder / "run.yaml").is_file():
            raise VaekitError(f"{folder} is not a run folder: it has no run.yaml")
        self._data_dir = data_dir

    @cached_property
    def config(self) -> configs.Config:
        """Return what decided the run."""
        found = configs.read(self.folder / "run.yaml")
        if self._data_dir is None:
            return found
        return configs.Config(**{**vars(found), "data_dir": str(self._data_dir)})

    @cached_property
    def data(self) -> data.Splits:
        """Return the training and test sets; raise `VaekitError` where they have changed."""
        splits = self.config.load_data()
        if self.config.data_checksum not in (None, splits.train.checksum()):
            raise VaekitError(
                f"the data {self.config.data} differ from those of the run {self.folder}: "
                "bring back the original files, or train anew"
            )
        return splits

    @cached_property
    def system(self):
        """Return the recipe's model and objective with the run's weights, ready to be read."""
        tensors, _ = checkpoint.read(self.weights)
        system = self.config.build(tuple(self.config.notes["shape"]))
        prefix = "model.model."
        state = {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
        try:
            system.model.load_state_dict(state)
        except RuntimeError as error:
            cause = str(error).splitlines()[1].strip()
            raise VaekitError(
                f"{self.weights} is not of this run's model ({cause}): "
                "bring back the run's own weights, or train anew"
            ) from None
        return system._replace(model=system.model.eval().to(pick("auto")))

    @property
    def model(self) -> Model:
        """Return the trained model in evaluation mode, on the GPU where there is one."""
        return self.system.model

    @property
    def weights(self) -> Path:
        """Return the file of the final weights, or of the last checkpoint."""
        final = self.folder / "model.safetensors"
        last = self.checkpoint
        if not final.exists() and not last.exists():
            raise VaekitError(
                f"{self.folder} has no weights yet: resume its training with --resume"
            )
        return final if final.exists() else last

    @property
    def checkpoint(self) -> Path:
        """Return where the last checkpoint lies while the run is unfinished."""
        return self.folder / CHECKPOINT

    @property
    def history(self) -> list[dict[str, float]]:
        """Return the rows of history.csv."""
        return history.read(self.folder / "history.csv")

    @property
    def metrics(self) -> dict[str, Any]:
        """Return what metrics.json holds, empty where the run was not evaluated."""
        path = self.folder / "metrics.json"
        return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}

    def save_metrics(self, metrics: dict[str, Any]) -> None:
        """Write metrics.json."""
        files.write_text(self.folder / "metrics.json", json.dumps(metrics, indent=2) + "\n")


def save_weights(model: Model, path: Path) -> None:
    """Write a model's weights as safetensors."""
    state = {
        f"model.model.{k}": v.detach().cpu().contiguous() for k, v in model.state_dict().items()
    }
    files.write(path, lambda temporary: save_file(state, temporary, {"format": "vaekit-model-1"}))
