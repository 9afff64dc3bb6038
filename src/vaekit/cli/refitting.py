"""`vaekit refit`: the same networks under other noise models."""

from typing import Any

from vaekit.cli.parsing import add_run, parse_words, parser, run_of

_WHAT = {
    "elbo": "ELBO (nats, higher is better)",
    "distortion": "distortion (nats, lower is better; without a rate there is no ELBO)",
}


def refit_command(words: list[str]) -> None:
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
    made.add_argument(
        "--components",
        type=int,
        help="also mixtures of 2 up to so many, to choose how many by what they gain",
    )
    made.add_argument("--n", type=int, default=10_000, help="test examples at most")
    options = parse_words(made, words)
    run = run_of(options)
    noise = options.noise or (("gaussian",) if options.components else ("gaussian", "mixture(2)"))
    rows = run.refit(noise, options.n, verbose=True, components=options.components)
    _show(rows, "training" if run.data.test is run.data.train else "test")
    print(f"{run.folder / 'refits.json'}: these numbers")


def _show(rows: dict[str, Any], part: str) -> None:
    own = next(iter(rows.values()))
    key = "elbo" if "elbo" in own else "distortion"
    n = own[key]["n"]
    print(
        f"{_WHAT[key]} on {n:,} {part} example{'s' * (n != 1)}, noise fitted to training residuals"
    )
    for name, row in rows.items():
        said = ", ".join(f"{k.removeprefix('noise_')} {v:.4g}" for k, v in row["noise"].items())
        se = row[key]["se"]
        error = "" if se is None else f"± {se:.2f}"
        gained = _gain(row.get("gain"))
        print(f"  {name:<32}{row[key]['value']:>12.2f} {error:<10} {gained:<22} {said}")
        if row.get("chosen"):
            print(f"  {'':<32}^ the fewest components within a standard error of the best")
    for name, row in rows.items():
        if "note" in row:
            print(f"note on {name}: {row['note']}")


def _gain(number: dict[str, Any] | None) -> str:
    """Say what a noise gains over that as trained, with the error of the difference."""
    if number is None or number["value"] is None:
        return ""
    error = "" if number["se"] is None else f" ± {number['se']:.2f}"
    return f"gain {number['value']:.2f}{error}".replace("-", "−")
