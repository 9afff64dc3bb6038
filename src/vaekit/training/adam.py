"""Adam with less bookkeeping: the fused step of PyTorch, called without its preparations."""

from typing import Any

import torch
from torch import Tensor
from torch.optim.adam import adam

from vaekit.training.settings import Training


def groups(model: torch.nn.Module) -> list[dict[str, Any]]:
    """List all weights, those of a module with settings `adam` of its own apart with these.

    Settings are the arguments of `torch.optim.Adam`, such as {"lr": 1e-4, "betas": (0.5, 0.9)}.
    """
    own: list[Any] = [module for module in model.modules() if hasattr(module, "adam")]
    apart = [{"params": list(module.parameters()), **module.adam} for module in own]
    taken = {id(weights) for group in apart for weights in group["params"]}
    rest = [weights for weights in model.parameters() if id(weights) not in taken]
    return [group for group in ({"params": rest}, *apart) if group["params"]]


class Adam(torch.optim.Adam):
    """Step as `torch.optim.Adam(fused=True)` does, bit for bit, and from the same state.

    A module with settings `adam` has them for its weights in place of those of the training.
    `clear` and `advance` stand in for `zero_grad` and `step`. They skip profiling hooks, checks and
    the gathering of the state, which take up to a tenth of the step of a small network.
    """

    def __init__(self, model: torch.nn.Module, training: Training, device: torch.device):
        super().__init__(
            groups(model),
            training.lr,
            (training.beta1, training.beta2),
            weight_decay=training.weight_decay,
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
        lengths = [len(lists[0]) for lists in self._gathered]
        if not gradients or [len(part) for part in gradients] != lengths:
            self.step()
            self._gather()
            return
        for group, lists, part in zip(self.param_groups, self._gathered, gradients, strict=True):
            weights, means, squares, steps = lists
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
        """Take over a state, each moment in the memory layout of its weights.

        A file keeps no layout, and a fused step reads weights and moments in the order of memory.
        """
        super().load_state_dict(state_dict)
        for weights, moments in self.state.items():
            for name, moment in moments.items():
                if moment.shape == weights.shape:
                    moments[name] = torch.empty_like(weights).copy_(moment)
        self._gathered = []
