"""`vaekit traverse`."""

from pathlib import Path
from typing import Any

from vaekit.cli.parsing import add_runs, out_of, parse_words, parser


def traverse_command(words: list[str]) -> None:
    """Write what the decoder makes of latents that move."""
    options = _traverse_options(words)
    from vaekit.cli.examples.target import Target
    from vaekit.runs import Run
    from vaekit.runs.use import brought
    from vaekit.traversals import row_endings, traverse

    runs = [Run(run, options.data_dir) for run in options.runs]
    possible = row_endings(runs[0].schema)
    out = out_of(options, runs[0].folder / f"traversals{possible[0]}")
    of = None if options.of is None else _named_examples(options.of)
    reads = tuple(Path(each) for each in of or () if each and not each.isdecimal())
    target = Target(out, possible, options.force, reads, runs[0].is_made_of)
    moved = traverse(
        runs,
        of,
        options.on,
        options.plane,
        getattr(options, "from"),
        options.to,
        options.steps,
        brought.condition_in(options.condition, runs[0]),
    )
    moved.save(target.path)
    print(f"{target.path}: {moved.said()}")


def _traverse_options(words: list[str]) -> Any:
    made = parser(
        "traverse",
        "RUN [RUN ...]",
        "Decode examples with one latent changed, a row for each latent and example, or with each "
        "category of a one-hot set in turn; two latents together are a plane. Of several runs the "
        "same latents stand below one another.",
        "vaekit traverse runs/mnist --on 3,7 --of 0,12 --from -3 --to 3 --out moves.gif",
    )
    add_runs(made)
    made.add_argument(
        "--of",
        type=str,
        default=None,
        help="examples: numbers in the test part, files, folders, with commas between; default: "
        "the one nearest to the mean code",
    )
    made.add_argument(
        "--on",
        type=str,
        default=None,
        help="latents by number, a one-hot by its name or as category, condition for the classes "
        "that the model is conditioned on, or all; default: the informative latents, in the order "
        "of the report, one-hots, and the condition",
    )
    made.add_argument("--plane", type=str, default=None, help="two latents together, as 0,1")
    made.add_argument(
        "--from",
        type=float,
        default=None,
        help="the first value; default -3, or where the prior is told of a condition, or the "
        "encoder is deterministic, 3 standard deviations below the mean",
    )
    made.add_argument("--to", type=float, default=None, help="the last value; default as for from")
    made.add_argument("--steps", type=int, default=9, help="values of a latent")
    made.add_argument(
        "--condition",
        type=str,
        default=None,
        help="of conditional models, in place of the examples' own, as for encode",
    )
    made.add_argument(
        "--out",
        type=str,
        default=None,
        help="FILE.png, with names; FILE.gif, .webp, .apng with a frame for each value; FILE.csv "
        "or .npy; default RUN/traversals.png, of tables .csv",
    )
    made.add_argument("--force", action="store_true", help="overwrite what is there")
    return parse_words(made, words)


def _named_examples(text: str) -> list[str]:
    """Part examples at commas; a file that has one in its name is a file."""
    from vaekit.traversals.moving import at_commas

    return [text] if Path(text).exists() else at_commas(text)
