"""`vaekit refit`: the same networks under other noise models."""

import math
from typing import Any

from vaekit.cli.parsing import add_run, parse, parser, run_of

_WHAT = {
    "elbo": "ELBO (nats, higher is better)",
    "distortion": "distortion (nats, lower is better; without a rate there is no ELBO)",
}
_MASS = (
    "a Bernoulli likelihood is the probability of black or white (of a grey, the mean of its log), "
    "the others are densities, which can exceed 1: the two are not comparable"
)


def refit(words: list[str]) -> None:
    """Fit other noise models to a run's residuals, and compare the lower bounds."""
    made = parser(
        "refit",
        "RUN [--noise NAME]",
        "Keep a run's networks, fit other noise models to its residuals, compare their ELBOs; "
        "models without a prior by their distortions.",
        "vaekit refit runs/faces --noise gaussian --noise 'mixture(2)'",
    )
    add_run(made)
    made.add_argument(
        "--noise",
        action="append",
        help="gaussian or mixture(K), may be repeated; default: gaussian and mixture(2)",
    )
    made.add_argument("--n", type=int, default=10_000, help="test examples at most")
    found = parse(made, words)
    run = run_of(found)
    from vaekit import information
    from vaekit.likelihoods import Bernoulli
    from vaekit.runs import results

    own = f"{run.config.arguments.get('likelihood', run.config.recipe)} (as trained)"
    models = {own: run.model}
    for noise in found.noise or ["gaussian", "mixture(2)"]:
        models[noise] = information.refit(run.model, run.data.train, noise)
    rows: dict[str, Any] = {}
    for name, model in models.items():
        judged = information.evaluate(model, run.data.test, found.n)
        key = "elbo" if "elbo" in judged else "distortion"
        number = {**judged[key], "step": run.stamp.step, "weights": run.stamp.mark}
        rows[name] = {key: number, "noise": model.likelihood.noise()}
    note = _MASS if isinstance(run.model.likelihood, Bernoulli) else ""
    if note:
        rows[own]["note"] = note
    part = "training" if run.data.test is run.data.train else "test"
    _show(rows, part, note)
    path = run.folder / results.REFITS
    results.merge(path, rows, lambda old: _kept(old, own, rows))
    print(f"{path}: these numbers")


def _show(rows: dict[str, Any], part: str, note: str) -> None:
    key = _key(next(iter(rows.values())))
    n = next(iter(rows.values()))[key]["n"]
    print(
        f"{_WHAT[key]} on {n:,} {part} example{'s' * (n != 1)}, noise fitted to training residuals"
    )
    for name, row in rows.items():
        said = ", ".join(f"{k.removeprefix('noise_')} {v:.4g}" for k, v in row["noise"].items())
        se = row[key]["se"]
        error = "" if se is None else f"± {se:.2f}"
        print(f"  {name:<32}{row[key]['value']:>12.2f} {error:<10} {said}")
    if note:
        print(f"note: {note}")


def _kept(old: dict[str, Any], own: str, rows: dict[str, Any]) -> dict[str, Any]:
    """Return earlier rows where they are of the same weights and examples; say what is dropped."""
    names = [name for name in old if name not in rows]
    if not names:
        return {}
    key = _key(rows[own])
    was, now = old.get(own, {}).get(key), rows[own][key]
    same = was and None not in (was["value"], now["value"]) and was.get("n") == now["n"]
    if same and "weights" in was:
        same = was["weights"] == now["weights"]
    elif same:  # an older file: the same draws on the same weights, but for the order of sums
        same = math.isclose(was["value"], now["value"], rel_tol=1e-5)
    if same:
        return old
    print(f"dropped, as of other weights or examples: {', '.join(names)}")
    return {}


def _key(row: dict[str, Any]) -> str:
    return "elbo" if "elbo" in row else "distortion"
