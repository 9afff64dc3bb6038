"""`vaekit show`: a recipe as the `compose` command that makes the same system."""

from dataclasses import fields
from typing import Any

from vaekit.cli.parsing import parse_words
from vaekit.cli.training import parser_of
from vaekit.text.shell import quoted


def show_command(words: list[str]) -> None:
    """Show what a recipe is composed of, with arguments that change it."""
    if not words or words[0] in ("-h", "--help"):
        print(
            "usage: vaekit show RECIPE [options]\n\n"
            "Print the recipe's paper, and the command that composes the same system of parts.\n"
            "Options are those of `vaekit train RECIPE`: vaekit show beta_tcvae --beta 8"
        )
        return
    from vaekit import recipes
    from vaekit.training import Training

    recipe = recipes.find(words[0])
    given = vars(parse_words(parser_of(recipe, "show", ""), words[1:]))
    own = {name: given[name] for name in recipe.arguments}
    recipe.try_out(**own)  # what training refuses is no command
    usual = vars(Training())
    changed = {f.name: given[f.name] for f in fields(Training) if given[f.name] != usual[f.name]}
    flags = recipe.composition(**own).texts() | {name: _word(v) for name, v in changed.items()}
    print(f"{recipe.name}: {recipe.summary}\npaper: {recipe.paper}\n")
    lines = [f"--{name.replace('_', '-')} {quoted(text)}" for name, text in flags.items()]
    print(" \\\n    ".join(["vaekit train compose --data DATA", *lines]))


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
