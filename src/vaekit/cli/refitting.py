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
    made.add_argument("--n", type=int, default=10_000, help="test examples at most")
    options = parse_words(made, words)
    run = run_of(options)
    rows = run.refit(options.noise or ("gaussian", "mixture(2)"), options.n, verbose=True)
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
        print(f"  {name:<32}{row[key]['value']:>12.2f} {error:<10} {said}")
    for name, row in rows.items():
        if "note" in row:
            print(f"note on {name}: {row['note']}")
