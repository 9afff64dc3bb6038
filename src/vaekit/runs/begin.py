"""Begin with the weights of another run, and hold some still.

Parts are named as a model names its weights, `posterior`, `likelihood`, `prior`, and within them
`posterior.network`.
"""

from pathlib import Path

from torch import Tensor, nn

from vaekit.errors import VaekitError, nearest, shortened
from vaekit.runs.config import Config
from vaekit.runs.folder import Run


def begin(model: nn.Module, config: Config) -> None:
    """Take over the weights of the run that `config` starts from.

    Raises `VaekitError` where there is none, or a weight is not there or of another shape.
    """
    if not config.start:
        return
    theirs = Run(Path(config.start)).system.model.state_dict()
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


def freeze(model: nn.Module, config: Config) -> None:
    """Hold the weights of the parts still that `config` names; raises `VaekitError` as `begin`."""
    weights = dict(model.named_parameters())
    for name in _of(weights, config.freeze, "freeze") if config.freeze else ():
        weights[name].requires_grad_(False)


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
