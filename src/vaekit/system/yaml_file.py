"""Read YAML that people write or a run holds: each name once, no aliases, errors with a line."""

from pathlib import Path
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from vaekit.errors import VaekitError


def read_yaml(path: Path, what: str, cure: str) -> Any:
    """Return what a file of YAML holds; raise `VaekitError` where it is none, with the line."""
    try:
        return _yaml(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise VaekitError(f"there is no {what} {path}") from None
    except (yaml.YAMLError, ValueError, OSError, RecursionError) as error:
        mark, why = getattr(error, "problem_mark", None), getattr(error, "problem", None)
        where = f" (line {mark.line + 1}{f': {why}' if why else ''})" if mark else ""
        raise VaekitError(f"{path} is not readable YAML{where}: {cure}") from None


class _Loader(yaml.SafeLoader):
    """Load YAML in which no name stands twice, and 5:10 is text, not 310 as YAML 1.1 has it."""

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        names = [(key.tag, str(key.value)) for key, _ in node.value]
        if len(set(names)) < len(names):
            twice = max(names, key=names.count)[1]
            raise ConstructorError(
                problem=f"{twice} stands there twice", problem_mark=node.start_mark
            )
        return super().construct_mapping(node, deep)

    def construct_number(self, node: Any) -> Any:
        """Return the number that is written without colons, or the text."""
        if ":" in node.value:
            return node.value
        whole = node.tag.endswith("int")
        return self.construct_yaml_int(node) if whole else self.construct_yaml_float(node)


for _kind in ("int", "float"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _Loader.construct_number)


def _yaml(text: str) -> Any:
    """Load YAML without aliases, of which a few lines can make more than memory holds."""
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.AliasEvent):
            why = f"*{event.anchor}, but aliases are not read, write it out"
            raise ConstructorError(problem=why, problem_mark=event.start_mark)
    return yaml.load(text, Loader=_Loader)
