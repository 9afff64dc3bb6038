"""`vaekit impute`: fill in what is missing in a table, and say how well, on hidden cells."""

from typing import TYPE_CHECKING, Any

from vaekit.cli.parsing import add_run, out_of, parse_words, parser, run_of
from vaekit.errors import VaekitError, shortened

if TYPE_CHECKING:
    from vaekit.runs.use.imputing import Imputation


def impute_command(words: list[str]) -> None:
    """Write a table with its missing cells filled in."""
    options = _impute_options(words)
    run = run_of(options)
    from pathlib import Path

    from vaekit.cli.examples import writing
    from vaekit.cli.examples.target import Target
    from vaekit.runs.use import brought
    from vaekit.runs.use.imputing import fill_in

    told = brought.condition_in(options.condition, run)
    if options.hide is not None:
        if options.out or options.draw:
            raise VaekitError(
                "--hide prints errors and writes no table: leave --out and --draw out"
            )
        _print_errors(
            run.imputation_errors(options.table, told, options.hide, options.samples, options.seed),
            options.hide,
        )
        return
    reads = (Path(options.table).expanduser(),) if options.table else ()
    out = out_of(options, run.folder / "imputed.csv")
    target = Target(out, (".csv",), options.force, reads, run.is_made_of)
    asked = options.table, told, options.samples, options.draw, options.seed
    table, cells, written = fill_in(run, *asked)
    if written is None:
        writing.write_frames(target, [table])
    else:
        how_written = written.separator, written.line_end, written.encoding
        writing.write_frames(target, [written.cells], *how_written)
    how = f"drawn, seed {options.seed}" if options.draw else "by their mean or likeliest class"
    whole = sum(cells.values())
    print(f"{target.path}: {len(table):,} rows, {whole:,} missing cells filled in, {how}")
    some = [f"{name} {count:,}" for name, count in cells.items() if count]
    if some:
        print(f"    {shortened(some, 20)}")


def _impute_options(words: list[str]) -> Any:
    made = parser(
        "impute",
        "RUN [TABLE]",
        "Fill in the missing cells of a table by a run that was trained on mixed columns: with "
        "their mean given what is known of the row, classes with the likeliest. All else stays. "
        "With --hide a share of the known cells is hidden at random, and the errors on these are "
        "printed beside those of the column's mean, or commonest class.",
        "vaekit impute runs/patients patients.csv --out whole.csv",
    )
    add_run(made)
    made.add_argument(
        "table",
        type=str,
        nargs="?",
        default=None,
        help="a table with the run's columns, and any others; default: the run's own test part",
    )
    made.add_argument(
        "--hide", type=float, default=None, help="share of known cells to hide, as in 0.2"
    )
    made.add_argument("--samples", type=int, default=100, help="codes drawn for each row")
    made.add_argument(
        "--draw", action="store_true", help="fill in a draw in place of the mean; see --seed"
    )
    made.add_argument("--seed", type=int, default=0, help="seed of codes, draws and hidden cells")
    made.add_argument("--condition", type=str, default=None, help="for conditional models")
    made.add_argument("--out", type=str, default=None, help="FILE.csv; default RUN/imputed.csv")
    made.add_argument("--force", action="store_true", help="overwrite what is there")
    return parse_words(made, words)


def _print_errors(errors: "list[Imputation]", hide: float) -> None:
    width = max(len(name) for name in ("column", *(each.field.name for each in errors)))
    print(f"a share of {hide:g} of the known cells hidden and filled in")
    print(f"{'column':{width}}  hidden  {'error':>18}  {'without a model':>18}")
    for field, hidden, *both in errors:
        error, base = map(field.error_text, both)
        print(f"{field.name:{width}}  {hidden:6,}  {error:>18}  {base:>18}")
