"""Optimisers: those of PyTorch by name, and Adam with less bookkeeping."""

import inspect
from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam

from vaekit.errors import VaekitError
from vaekit.schedules import Progress, weight_at
from vaekit.text import build, parse
from vaekit.training.settings import OPTIMISERS, Training


def make(model: torch.nn.Module, training: Training, device: torch.device) -> torch.optim.Optimizer:
    """Return the optimiser that the settings ask for, over all weights of `model`.

    A name is that of a class of `torch.optim` in small letters, with other arguments than those
    that the settings have. Raises `VaekitError` for an unknown name, with the nearest, and for
    arguments that do not fit.
    """
    asked: Any = training.optimiser
    if asked == "adam":
        return Adam(model, training, device)
    try:
        if not isinstance(asked, str):
            return asked(groups(model), **_optimiser_settings(asked, training))
        kind = OPTIMISERS[parse(asked)[0]]
        known = {parse(asked)[0]: partial(kind, **_optimiser_settings(kind, training))}
        return build(asked, known, "optimiser", groups(model))
    except (TypeError, ValueError, RuntimeError) as error:
        said = str(error).removeprefix(f"optimiser {asked!r}: ")
        raise VaekitError(f"optimiser {asked!r}: {said}") from None


def _optimiser_settings(kind: Any, training: Training) -> dict[str, Any]:
    """Return the settings that an optimiser takes; a decay of 0 leaves it its own."""
    known = inspect.signature(kind).parameters
    every = any(each.kind is each.VAR_KEYWORD for each in known.values())
    given: dict[str, Any] = {"lr": weight_at(training.rate, Progress(0, 1, 1, ()))}
    if "betas" in known:
        given["betas"] = training.beta1, training.beta2
    if training.weight_decay:
        if "weight_decay" not in known and not every:
            raise VaekitError("it takes no weight_decay: leave it out")
        given["weight_decay"] = training.weight_decay
    return given


def set_rate(optimiser: torch.optim.Optimizer, rate: float) -> None:
    """Set the learning rate of all weights but those with one of their own."""
    for group in optimiser.param_groups:
        if not group.get("own_rate"):
            group["lr"] = rate


def restore(optimiser: torch.optim.Optimizer, moments: Mapping[int, Mapping[str, Any]]) -> None:
    """Take over moments by the number of the weight, each in the memory layout of its weight.

    A file keeps no layout, and a fused step reads weights and moments in the order of memory.
    """
    optimiser.load_state_dict({**optimiser.state_dict(), "state": moments})
    for weights, own in optimiser.state.items():
        for name, moment in own.items():
            if isinstance(moment, Tensor) and moment.shape == weights.shape:
                own[name] = torch.empty_like(weights, dtype=moment.dtype).copy_(moment)


def groups(model: torch.nn.Module) -> list[dict[str, Any]]:
    """List all weights that train, those of a module with settings `adam` apart with these.

    Settings are the arguments of `torch.optim.Adam`, such as {"lr": 1e-4, "betas": (0.5, 0.9)}.
    """
    own: list[Any] = [module for module in model.modules() if hasattr(module, "adam")]
    apart = [
        {"params": _trained(module), **module.adam, "own_rate": "lr" in module.adam}
        for module in own
    ]
    taken = {id(weights) for group in apart for weights in group["params"]}
    rest = [weights for weights in _trained(model) if id(weights) not in taken]
    return [group for group in ({"params": rest}, *apart) if group["params"]]


def _trained(module: torch.nn.Module) -> list[Tensor]:
    return [weights for weights in module.parameters() if weights.requires_grad]


class Adam(torch.optim.Adam):
    """Step as `torch.optim.Adam(fused=True)` does, bit for bit, and from the same state.

    A module with settings `adam` has them for its weights in place of those of the training.
    `clear` and `advance` stand in for `zero_grad` and `step`. They skip profiling hooks, checks and
    the gathering of the state, which take up to a tenth of the step of a small network.
    """

    def __init__(self, model: torch.nn.Module, training: Training, device: torch.device):
        super().__init__(
            groups(model),
            **_optimiser_settings(torch.optim.Adam, training),
            fused=True,
            capturable=device.type == "cuda",
        )
        self._gathered: list[tuple[list[Tensor], ...]] = []

    def clear(self) -> None:
        """Forget all gradients."""
        for group in self.param_groups:
            for weights in group["params"]:
                weights.grad = None

    def advance(self) -> None:
        """Change the weights by their gradients; those that have none stay."""
        gradients = [[w.grad for w in lists[0] if w.grad is not None] for lists in self._gathered]
        lengths = [(0, len(lists[0])) for lists in self._gathered]  # critics may step apart
        whole = [len(part) in of for part, of in zip(gradients, lengths, strict=True)]
        if not gradients or not all(whole):
            self.step()
            self._gather()
            return
        for group, lists, part in zip(self.param_groups, self._gathered, gradients, strict=True):
            weights, means, squares, steps = lists
            if not part:
                continue
            adam(
                weights,
                part,
                means,
                squares,
                [],
                steps,
                fused=True,
                capturable=group["capturable"],
                lr=group["lr"],
                beta1=group["betas"][0],
                beta2=group["betas"][1],
                weight_decay=group["weight_decay"],
                eps=group["eps"],
                amsgrad=False,
                maximize=False,
            )

    def _gather(self) -> None:
        """List weights and state where the fused step can take them as they are."""
        self._gathered = []
        for group in self.param_groups:
            weights = group["params"]
            if len({(w.device, w.dtype) for w in weights}) > 1 or not all(
                self.state.get(w) for w in weights
            ):
                self._gathered = []
                return
            states = [self.state[w] for w in weights]
            names = ("exp_avg", "exp_avg_sq", "step")
            self._gathered.append((weights, *([s[name] for s in states] for name in names)))

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        """Take over a state, and forget where the one before lay."""
        super().load_state_dict(state_dict)
        self._gathered = []
