"""`vaekit ledger`: where a run's nats go."""

from vaekit.cli.parsing import add_run, options_of, parse_words, parser, run_of


def ledger_command(words: list[str]) -> None:
    """Print a run's ledger and write it to ledger.json."""
    made = parser(
        "ledger",
        "RUN",
        "Add up a run's information on its held-out data, for the whole code and each block: "
        "distortion, rate, I(x; z), total correlation, log p(x), each with its estimator, standard "
        "error and direction (= within the error, ≥ or ≤), and check that the sums hold and that "
        "no bound crosses another. Write ledger.json, which the report shows.",
        "vaekit ledger runs/joint --bound 1000",
    )
    add_run(made)
    made.add_argument("--n", type=int, default=10_000, help="examples at most")
    made.add_argument("--samples", type=int, default=100, help="codes an example for log p(x)")
    made.add_argument(
        "--bound",
        type=int,
        default=None,
        help="steps of training of a reader for the whole code and for each block, for a lower "
        "bound on I(x; z) of another kind; default 1000 for recipes with a reader, else 0",
    )
    made.add_argument("--reader", type=str, default="mlp(512)", help="the reader's hidden layers")
    made.add_argument("--seed", type=int, default=0, help="seed of codes and readers")
    options = parse_words(made, words)
    run = run_of(options)
    result = run.ledger(**options_of(options))
    split = "training" if run.data.train is run.data.test else "test"
    n = result.rows[0].number.n
    print(f"{split} set of {run.config.data}, n = {n:,}, nats for one example")
    print(result.table())
    print(f"{run.folder / 'ledger.json'}: these numbers")
