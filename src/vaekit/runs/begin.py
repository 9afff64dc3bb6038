"""Begin with the weights of another training, and hold some still.

They are those of a run, of its checkpoint alone, or of an estimator's file.
Parts are named as a model names its weights, `posterior`, `likelihood`, `prior`, and within them
`posterior.network`.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from torch import Tensor, nn

from vaekit.errors import VaekitError, nearest, shortened, warn
from vaekit.runs.config import Config
from vaekit.runs.folder import CHECKPOINT, Run
from vaekit.runs.run_file import read_config
from vaekit.schedules import Schedule
from vaekit.system import weights
from vaekit.training import Fit
from vaekit.training.state import OWN


def begin(model: nn.Module, config: Config) -> None:
    """Take over the weights that `config` starts from.

    Raises `VaekitError` where there are none, or a weight is not there or of another shape.
    """
    if not config.start:
        return
    theirs = _weights_of(Path(config.start))
    own = model.state_dict()
    wanted = _of(own, config.start_parts, "start_parts")
    wrong = [
        f"{name} {tuple(own[name].shape)}"
        + (f" is {tuple(theirs[name].shape)} there" if name in theirs else " is not there")
        for name in wanted
        if name not in theirs or theirs[name].shape != own[name].shape
    ]
    if wrong:
        raise VaekitError(
            f"{config.start} is of another model: {shortened(wrong, 3)}: give both the same parts "
            "and sizes, or name those to take, as in --start-parts posterior (start_parts=)"
        )
    model.load_state_dict({**own, **{name: theirs[name].to(own[name]) for name in wanted}})


def _weights_of(start: Path) -> Mapping[str, Tensor]:
    """Return the weights of the model in a run folder, a checkpoint or a file of an estimator."""
    last = start / CHECKPOINT.name
    if not start.is_file() and ((start / "run.yaml").exists() or not last.exists()):
        return Run(start).system.model.state_dict()
    path = last if start.is_dir() else start
    if path.suffix == ".yaml":
        raise VaekitError(f"{path} holds the settings of a run: name its folder, {path.parent}")
    tensors = weights.read_tensors(path)[0]
    own = {k.removeprefix(OWN): v for k, v in tensors.items() if k.startswith(OWN)}
    if not own:
        raise VaekitError(
            f"{path} holds no weights of a model: name a run folder, its checkpoint, or the file "
            "that an estimator was saved to (of an older version: load it and save it again)"
        )
    if not weights.all_finite(own.values()):
        raise VaekitError(f"{path} holds weights that are not finite: start from another")
    return own


def note_longer(fit: Fit, folder: Path) -> None:
    """Warn of what changes or stays where the run in `folder` is made longer.

    Schedules without a length of their own lie on another point than the one that they had reached.
    """
    if fit.ended:
        warn(f"{folder} was stopped early at step {fit.step}: give more patience to train on")
    now, epochs = fit.progress, read_config(folder / "run.yaml").training.epochs
    then = replace(now, steps=epochs * now.per_epoch)
    weights_of_terms = ((f"weight of {term.name}", each) for each, term in fit.objective.parts)
    for name, each in [("lr", fit.training.rate), *weights_of_terms]:
        if isinstance(each, Schedule) and each(then) != each(now):
            warn(
                f"{name}: {each} lasts as long as the training, so it goes from {each(then):.3g} "
                f"back to {each(now):.3g} as this becomes longer; epochs= gives it a length"
            )


def freeze(model: nn.Module, config: Config) -> None:
    """Hold the weights of the parts still that `config` names; raises `VaekitError` as `begin`."""
    own = dict(model.named_parameters())
    for name in _of(own, config.freeze, "freeze") if config.freeze else ():
        own[name].requires_grad_(False)


def _of(weights: dict[str, Tensor] | dict[str, nn.Parameter], parts: str, what: str) -> list[str]:
    """List the weights of the parts that are named, with commas between; all where none is."""
    chosen: list[str] = []
    for part in filter(None, (word.strip() for word in parts.split(","))):
        here = [name for name in weights if f"{name}.".startswith(f"{part}.")]
        if not here:
            known = {name[:i] for name in weights for i, c in enumerate(name) if c == "."}
            raise nearest(part, known, f"part in {what}")
        chosen += here
    return chosen if parts.strip() else list(weights)
