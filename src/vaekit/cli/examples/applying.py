"""`vaekit encode`, `score`, `decode`, `interpolate` …: use a run on arrays, tables and pictures.

Each says what it wrote and where. Without --out the result goes into the run folder. Whether it may
be written there is settled first, so that a mistake costs no computing and leaves nothing behind.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from vaekit.cli.parsing import add_run, out_of, parse_words, parser, run_of

if TYPE_CHECKING:
    from jsonargparse import ArgumentParser

    from vaekit.cli.examples.target import Target
    from vaekit.runs import Run
    from vaekit.runs.use.inputs import Examples

_INPUT = (
    "pictures (a file or a folder), an array, or a table, read whole and as the run's were; or a "
    "data set by name; default: the run's own data"
)
_CONDITION = (
    "for conditional models: a class by number or, where the data have names, by name (7, dog), "
    "attributes (0.3,1.2), factors (shape=1,scale=0), "
    "or a .npy or .csv with one for each"
)
_SHEET = (
    "FILE.png for a sheet, FILE.npy, a folder for pictures, or FILE.gif, .webp, .apng with a frame "
    "for each; FILE.csv for rows of a table"
)


def encode_command(words: list[str]) -> None:
    """Write the codes of examples."""
    made = parser(
        "encode",
        "RUN [INPUT]",
        "Write the code of each example, in the order of the input: the mean of q(z|x).",
        "vaekit encode runs/mnist pictures/ --out codes.csv",
    )
    _add_input(made)
    made.add_argument("--draw", action="store_true", help="draw from q(z|x) in place of its mean")
    made.add_argument("--seed", type=int, default=0, help="seed of the draw")
    _add_output(made, "FILE.npz (with std and names), .npy or .csv", "codes.npz")
    options = parse_words(made, words)
    run = run_of(options)
    from vaekit.cli.examples import writing
    from vaekit.cli.examples.target import CODE_FILES, Target

    reads = _reads(options.input)
    out = out_of(options, run.folder / "codes.npz")
    target = Target(out, CODE_FILES, options.force, reads, run.is_made_of)
    given, conditions = _read_examples(run, options)
    parts = run.encode_batches(given.data, conditions, options.draw, options.seed)
    writing.write_codes(target, parts, given.names, given.files)
    how = "drawn from q(z|x)" if options.draw else "the mean of q(z|x)"
    size = f"({len(given.names)}, {run.model.posterior.latent})"
    print(f"{target.path}: codes {size} of {given.what}, {how}")


def decode_command(words: list[str]) -> None:
    """Write what the decoder makes of codes."""
    made = parser(
        "decode",
        "RUN CODES",
        "Write the mean of p(x|z) for each code.",
        "vaekit decode runs/mnist codes.npz --out pictures/",
    )
    add_run(made)
    made.add_argument("codes", type=str, help="codes (N, H): .npy, or .npz or .csv of `encode`")
    made.add_argument("--condition", type=str, default=None, help=_CONDITION)
    _add_output(made, _SHEET, "decoded.png")
    options = parse_words(made, words)
    run = run_of(options)
    from vaekit.cli.examples import writing
    from vaekit.runs.use import brought

    target = _target(run, options, "decoded", _reads(options.codes))
    z, names = brought.codes_in(options.codes)
    x = run.decode(z, brought.condition_in(options.condition, run))
    writing.write_examples(target, [x], run.schema, names or len(x))
    _say_written(target, len(x), len(x), f"decoded from {options.codes}")


def reconstruct_command(words: list[str]) -> None:
    """Write reconstructions of examples."""
    made = parser(
        "reconstruct",
        "RUN [INPUT]",
        "Write the mean of p(x|z) at the mean code of each example. A sheet has rows of originals, "
        "each with the row of its reconstructions below it.",
        "vaekit reconstruct runs/mnist --n 32 --out pairs.png",
    )
    _add_input(made)
    _add_output(made, _SHEET, "reconstructions.png")
    options = parse_words(made, words)
    run = run_of(options)
    from vaekit.cli.examples import writing
    from vaekit.runs.use import inputs

    target = _target(run, options, "reconstructions", _reads(options.input))
    sheet = target.ending == ".png"
    given, conditions = _read_examples(run, options)
    # A sheet is for looking at; conditions in words may be one for each, so none is left out.
    some = sheet and options.n is None and not isinstance(conditions, str)
    shown, conditions = inputs.first(given, conditions, writing.PAIRS if some else None)
    originals = _pictures_of(shown, writing.MOST_PICTURES) if sheet else None
    parts = run.reconstruct_batches(shown.data, conditions)
    writing.write_examples(target, parts, run.schema, shown.names, originals)
    what = f"of {given.what}" + (", originals above reconstructions" if sheet else "")
    _say_written(target, len(shown.names), len(given.names), what)


def sample_command(words: list[str]) -> None:
    """Write samples of a model."""
    made = parser(
        "sample",
        "RUN",
        "Write the mean of p(x|z) for codes z drawn from the prior, or from what is fitted to the "
        "codes of the training data, a mixture of Gaussians or a flow, which serves autoencoders "
        "too. Of mixed columns whole rows are drawn, in the table's own types.",
        "vaekit sample runs/cvae --n 8 --condition 7 --out sevens.png",
    )
    add_run(made)
    made.add_argument("--n", type=int, default=16, help="how many")
    made.add_argument("--seed", type=int, default=0, help="seed of the draw")
    made.add_argument("--condition", type=str, default=None, help=_CONDITION)
    made.add_argument(
        "--from",
        dest="source",
        type=str,
        default="prior",
        help="prior, codes: of a mixture fitted to them, or flow: of a flow fitted to them",
    )
    made.add_argument(
        "--components", type=int, default=None, help="Gaussians of the mixture, 10 by default"
    )
    made.add_argument(
        "--given",
        type=str,
        default=None,
        help="of mixed columns: values that the rows have, 'city=Oslo, age=40'",
    )
    made.add_argument(
        "--draw",
        action="store_true",
        help="draw from p(x|z) in place of its mean, as is always done of mixed columns",
    )
    _add_output(made, _SHEET, "samples.png")
    options = parse_words(made, words)
    run = run_of(options)
    from vaekit.cli.examples import writing
    from vaekit.runs.use import brought, coding

    target = _target(run, options, "samples", ())
    asked = brought.condition_in(options.condition, run), options.seed
    draw = options.draw or None
    x = run.sample(options.n, *asked, options.source, options.components, options.given, draw)
    writing.write_examples(target, [x], run.schema, len(x))
    under = "" if options.condition is None else f", condition {options.condition}"
    under += "" if options.given is None else f", given {options.given}"
    source = coding.SOURCES[options.source]
    _say_written(target, len(x), len(x), f"drawn from {source}, seed {options.seed}{under}")


def score_command(words: list[str]) -> None:
    """Write the scores of examples."""
    made = parser(
        "score",
        "RUN [INPUT]",
        "Write how well the run explains each example, a row for each: squared error, distortion "
        "-log p(x|z), rate KL(q(z|x)||p(z)), ELBO and log p(x) by importance weights, in nats, and "
        "the percentile of each among training examples. Distortion and rate are high, ELBO and "
        "log p(x) low, for what is unlike the training data.",
        "vaekit score runs/mnist pictures/ --out scores.csv",
    )
    _add_input(made)
    made.add_argument("--samples", type=int, default=100, help="codes drawn of each example")
    made.add_argument("--seed", type=int, default=0, help="seed of the codes")
    made.add_argument(
        "--reference",
        type=int,
        default=1000,
        help="training examples that give the percentiles; 0: none",
    )
    _add_output(made, "FILE.csv", "scores.csv")
    options = parse_words(made, words)
    run = run_of(options)
    from vaekit.cli.examples import writing
    from vaekit.cli.examples.target import Target
    from vaekit.runs.use.examples import Summary

    out = out_of(options, run.folder / "scores.csv")
    target = Target(out, (".csv",), options.force, _reads(options.input), run.is_made_of)
    given, conditions = _read_examples(run, options)
    asked = options.samples, options.seed, options.reference
    summary = Summary()
    parts = run.score_batches(given, conditions, *asked)
    writing.write_frames(target, (summary.add(part).table() for part in parts))
    absent = summary.absent
    for why in dict.fromkeys(absent.values()):
        print(f"left out: {', '.join(k for k, v in absent.items() if v == why)}: {why}")
    print(f"{target.path}: {summary.said(given.what)}")


def interpolate_command(words: list[str]) -> None:
    """Write what lies between two examples."""
    made = parser(
        "interpolate",
        "RUN A B",
        "Decode along the straight line between the means of q(z|x) of two examples; the ends are "
        "their reconstructions. Where the prior has its mass around a middle, as the normal one, "
        "a straight line may go through it; entries of a one-hot mix on the way. A condition that "
        "differs between A and B moves along a line too, unless --condition fixes it.",
        "vaekit interpolate runs/mnist 3 17 --steps 10 --out line.png",
    )
    add_run(made)
    for name in ("a", "b"):
        made.add_argument(
            name, type=str, help="an example of the run's test part by its number, or a file of one"
        )
    made.add_argument("--steps", type=int, default=8, help="points on the line, with its ends")
    made.add_argument("--condition", type=str, default=None, help=_CONDITION)
    _add_output(made, _SHEET, "interpolation.png")
    options = parse_words(made, words)
    run = run_of(options)
    from vaekit.cli.examples import writing
    from vaekit.runs.use import brought

    target = _target(run, options, "interpolation", (*_reads(options.a), *_reads(options.b)))
    x = run.interpolate(
        options.a, options.b, options.steps, brought.condition_in(options.condition, run)
    )
    writing.write_examples(target, [x], run.schema, len(x))
    print(f"{target.path}: {len(x)} points on the line from {options.a} to {options.b}")


# ---- what they share


def _add_input(made: "ArgumentParser") -> None:
    add_run(made)
    made.add_argument("input", type=str, nargs="?", default=None, help=_INPUT)
    made.add_argument(
        "--split",
        type=str,
        default=None,
        help="of the run's own data, or a set by name: test (default), train or all",
    )
    made.add_argument("--n", type=int, default=None, help="the first N examples only")
    made.add_argument("--condition", type=str, default=None, help=_CONDITION)


def _add_output(made: "ArgumentParser", kinds: str, usual: str) -> None:
    made.add_argument("--out", type=str, default=None, help=f"{kinds}; default RUN/{usual}")
    made.add_argument("--force", action="store_true", help="overwrite what is there")


def _target(run: "Run", options: Any, name: str, reads: tuple[Path, ...]) -> "Target":
    from vaekit.cli.examples.target import Target, endings

    possible = endings(run.schema)
    out = out_of(options, run.folder / f"{name}{possible[0]}")
    return Target(out, possible, options.force, reads, run.is_made_of)


def _reads(what: str | None) -> tuple[Path, ...]:
    path = Path(what or "").expanduser()
    return (path,) if what and path.exists() else ()


def _read_examples(run: "Run", options: Any) -> "tuple[Examples, Any]":
    """Read the first --n examples, and what a conditional model is conditions of them."""
    from vaekit.runs.use import brought, coding, inputs

    whole, each = inputs.examples(run, options.input, options.split), options.condition
    given, conditions = inputs.first(whole, brought.condition_in(each, run), options.n)
    coding.warn_of_far_rows(run, given.data, given.names)
    return given, conditions


def _pictures_of(given: "Examples", most: int) -> Any:
    import torch

    return given.data.batch(torch.arange(min(most, len(given.data)))).numpy()


def _say_written(target: "Target", count: int, total: int, what: str) -> None:
    from vaekit.cli.examples import writing

    count = min(count, writing.MOST_PICTURES) if target.ending == ".png" else count
    shown = str(total) if count == total else f"the first {count} of {total}"
    print(f"{target.path}: {shown} example{'s' * (total != 1)} {what}")
