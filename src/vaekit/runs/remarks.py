"""What the course of a training says in plain words: too short, still improving, overfitted.

All is read from the history and from the numbers of the test set where the run was judged. A fall
or a rise counts from a share of the whole fall of the curve on, and only where all weights were
constant meanwhile: under a growing weight the objective grows by itself.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from vaekit.runs.history import VALIDATION, Row
from vaekit.training.validation import HIGHER

if TYPE_CHECKING:
    from vaekit.runs.config import Config
    from vaekit.runs.folder import Run

RISE, FALL, GAP = 0.02, 0.02, 0.1  # shares that are worth a word
SHORT, FEW = 1000, 10  # steps of a training that may be too short; looks that make a curve


class _Curve(NamedTuple):
    """Hold a number by step, lower is better, with the epoch of each."""

    name: str
    steps: list[float]
    epochs: list[float]
    values: list[float]
    sign: int = 1

    @property
    def fall(self) -> float:
        return self.values[0] - min(self.values)

    @property
    def best(self) -> int:
        return min(range(len(self.values)), key=lambda i: self.values[i])

    def said(self, i: int) -> str:
        return f"{self.sign * self.values[i]:,.1f} at epoch {self.epochs[i]:g}"


def remarks(run: "Run") -> list[str]:
    """Return what is worth a word, in sentences with their numbers; the worst hides the rest."""
    rows, training, metrics = run.history, run.config.training, run.metrics
    if len(rows) < 2 or run.config.notes.get("state") != "finished":
        return []
    looked = _curve(rows, VALIDATION + training.watch, training.watch)
    trained = _curve(rows, "objective", "objective")
    said = _unused(metrics, int(rows[-1]["step"]))
    kept = training.keep == "best"
    said += [] if looked is None else _overfitted(looked, trained, kept)
    said = said or _gap(rows, metrics, looked is not None)
    adversary = any(name.endswith("_critic") for name in rows[0])
    curve = looked or (None if adversary else trained)
    ended = _ended(run.config)
    if not said and curve is not None and rows[-1]["epoch"] >= training.epochs:
        said += _improving(curve, rows, looked is not None)
    return ended + said


def _ended(config: "Config") -> list[str]:
    """Say where training was stopped early, and of which step weights were kept."""
    notes, kept = config.notes, config.training.keep == "best"
    step, best = notes.get("step"), notes.get("best_step")
    early = None not in (step, notes.get("steps")) and step < notes["steps"]
    said = []
    if early:
        said += [f"stopped at step {step:,} of {notes['steps']:,}: no new best in validation"]
    if kept and best is not None:
        said += [f"the weights are those of step {best:,}, the best"]
    return ["Training " + "; ".join(said) + "."] if early else [s.capitalize() + "." for s in said]


def _curve(rows: Sequence[Row], column: str, name: str) -> _Curve | None:
    sign = -1 if name in HIGHER else 1
    there = [row for row in rows if column in row]
    if len(there) < FEW:
        return None
    steps, epochs, values = ([row[key] for row in there] for key in ("step", "epoch", column))
    return _Curve(name, steps, epochs, [sign * v for v in values], sign)


def _unused(metrics: dict[str, Any], step: int) -> list[str]:
    units = metrics.get("active_units", {}).get("value")
    if units != 0:
        return []
    if step < SHORT:
        return [f"No unit of the code is active after {step:,} steps: train longer (--epochs)."]
    return [
        "No unit of the code is active: the decoder ignores the code. Try a smaller weight of the "
        "KL, one that grows from 0, or a smaller noise of the likelihood."
    ]


def _overfitted(curve: _Curve, trained: _Curve | None, kept: bool) -> list[str]:
    rise = curve.values[-1] - curve.values[curve.best]
    if len(curve.values) - 1 - curve.best < 2 or rise <= RISE * curve.fall:
        return []
    if trained is not None:  # where training became worse too, it is no matter of few examples
        until = sum(step <= curve.steps[curve.best] for step in trained.steps)
        then, now = trained.values[max(0, until - FEW) : until], trained.values[-FEW:]
        if then and sum(now) / len(now) > sum(then) / len(then):
            return []
    cure = (
        "the weights that were best are kept"
        if kept
        else "keep the best weights (--keep best), stop in time (--patience 5), or train on more"
    )
    best, last = curve.said(curve.best), curve.said(-1)
    return [f"The model overfits: in validation the {curve.name} was {best} and {last}: {cure}."]


def _improving(curve: _Curve, rows: Sequence[Row], looked: bool) -> list[str]:
    n = len(curve.values)
    before, after = curve.values[3 * n // 5 : 4 * n // 5], curve.values[4 * n // 5 :]
    late = [row for row in rows if row["step"] >= curve.steps[3 * n // 5]]
    moved = any(
        len({row[name] for row in late}) > 1 for name in rows[0] if name.startswith("weight_")
    )
    gain = sum(before) / len(before) - sum(after) / len(after)
    if moved or gain <= FALL * curve.fall:
        return []
    way = "rises" if curve.sign < 0 else "falls"
    where = "validation " if looked else ""
    return [
        f"Training still improves: the {where}{curve.name} {way} by {gain:,.1f} in the last fifth: "
        f"train longer (--epochs)."
    ]


def _gap(rows: Sequence[Row], metrics: dict[str, Any], looked: bool) -> list[str]:
    """Compare the distortion of the training batches with that of the test set."""
    tested = metrics.get("distortion", {})
    if tested.get("split") != "test" or tested.get("value") is None or "distortion" not in rows[0]:
        return []
    last = [row["distortion"] for row in rows[-max(1, len(rows) // 20) :]]
    trained = sum(last) / len(last)
    gap = tested["value"] - trained
    scale = max(abs(trained), GAP * (rows[0]["distortion"] - trained))
    if gap <= max(GAP * scale, 5 * (tested.get("se") or 0.0)):
        return []
    cure = (
        "train on more, or a smaller network"
        if looked
        else "judge while training and keep the best weights (--validation 0.1 --keep best), or "
        "train on more"
    )
    return [
        f"The model overfits: the distortion is {trained:,.1f} nats in training and "
        f"{tested['value']:,.1f} on the test set: {cure}."
    ]
