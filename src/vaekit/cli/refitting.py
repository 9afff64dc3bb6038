"""`vaekit refit`: the same networks under other noise models."""

import json
from typing import Any

from vaekit.cli.parsing import add_run, parse, parser, run_of


def refit(words: list[str]) -> None:
    """Fit other noise models to a run's residuals, and compare the lower bounds."""
    made = parser(
        "refit",
        "RUN [--noise NAME]",
        "Keep a run's networks, fit other noise models to its residuals, compare their ELBOs.",
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
    from vaekit import files, information

    own = run.config.arguments.get("likelihood", run.config.recipe)
    rows = {f"{own} (as trained)": run.model}
    for noise in found.noise or ["gaussian", "mixture(2)"]:
        rows[noise] = information.refit(run.model, run.data.train, noise)
    print(f"ELBO (nats) on up to {found.n} test examples, noise fitted to training residuals")
    numbers: dict[str, Any] = {}
    for name, model in rows.items():
        judged = information.evaluate(model, run.data.test, found.n)
        elbo, noise = judged.get("elbo", judged["distortion"]), model.likelihood.noise()
        numbers[name] = {"elbo": elbo, "noise": noise}
        said = ", ".join(f"{k.removeprefix('noise_')} {v:.4g}" for k, v in noise.items())
        print(f"  {name:<32}{elbo['value']:>12.2f} ± {elbo['se'] or 0:<8.2f} {said}")
    files.write_text(run.folder / "refits.json", json.dumps(numbers, indent=2) + "\n")
    print(f"{run.folder / 'refits.json'}: these numbers")
