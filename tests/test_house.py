"""The house stays readable: short modules, small folders, one name for one thing."""

import ast
from collections import defaultdict
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src" / "vaekit"
FILES = sorted(SOURCE.rglob("*.py"))
FOLDERS = sorted({file.parent for file in FILES})
LINES, MODULES, SHARED, EXCEPTIONS = 300, 15, 15, 15


def test_a_module_has_300_lines_at_most():
    sizes = {file: len(file.read_text(encoding="utf-8").splitlines()) for file in FILES}
    assert not {str(file): size for file, size in sizes.items() if size > LINES}


def test_a_folder_has_15_modules_at_most():
    counts = {folder: len(list(folder.glob("*.py"))) for folder in FOLDERS}
    assert not {str(folder): count for folder, count in counts.items() if count > MODULES}


def top_names(tree: ast.Module) -> set[str]:
    """Name what a module defines at its top, but for __all__ and its kind."""
    names = set[str]()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef | ast.AsyncFunctionDef):
            names.add(node.name)
        targets = node.targets if isinstance(node, ast.Assign) else []
        targets = [node.target] if isinstance(node, ast.AnnAssign) else targets
        names |= {each.id for each in targets if isinstance(each, ast.Name)}
    return {name for name in names if not name.startswith("__")}


def test_a_name_stands_for_one_thing():
    """Parts of two kinds may share theirs (Gaussian), as may sections and what a run does."""
    places = defaultdict[str, list[str]](list)
    for file in FILES:
        for name in top_names(ast.parse(file.read_text(encoding="utf-8"))):
            places[name].append(str(file.relative_to(SOURCE)))
    shared = {name: files for name, files in places.items() if len(files) > 1}
    assert len(shared) <= SHARED, "\n".join(f"{name}: {files}" for name, files in shared.items())


def test_few_exceptions_to_the_types():
    count = sum(file.read_text(encoding="utf-8").count("pyright: ignore") for file in FILES)
    assert count <= EXCEPTIONS
