"""Imports point down, and the command line starts without torch."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import vaekit

SOURCE = Path(vaekit.__file__).parent
# From the bottom up; names in one row are siblings and do not import each other.
LAYERS = [
    ["errors", "brief", "faces"],
    ["arguments"],
    [
        "system",
        "text",
        "shapes",
        "values",
    ],
    ["pictures"],
    ["distributions", "data", "corruptions"],
    ["networks", "schedules", "averages"],
    ["posteriors", "priors", "likelihoods"],
    ["model", "latents"],
    ["objectives"],
    ["given", "faults"],
    ["metrics", "apply"],
    ["training", "information"],
    ["recipes"],
    ["runs"],
    ["estimators", "export", "report"],
    ["study", "explore", "traversals"],
    ["reproduce"],
    ["cli"],
    ["__main__"],
]
LEVEL = {name: level for level, row in enumerate(LAYERS) for name in row}
# A model is made of parts: it reads what a part is, and no part but a corruption by its text.
CONTRACTS = {
    "distributions.base",
    *("posteriors.base", "priors.base", "likelihoods.base", "corruptions"),
}
# Folders of exchangeable parts: a part imports what a part is (base), and the others not at all.
# In networks, conv ends in the dense stack of mlp. Recipes
# build on those that they vary.
KINDS = {
    *("corruptions", "posteriors", "priors", "likelihoods"),
    *("objectives", "recipes", "networks"),
}
SHARED = {
    "networks": {"base", "mlp"},
    "priors": {"base", "exponents"},
    "recipes": {
        *("base", "disentangling"),
        *("making.assembly", "making.composition", "making.trial"),
    },
}
# A run writes its page and exports its model: the imports that point up, when they are asked for.
UPWARD = {"runs.use.outputs": {"explore", "export", "report", "report.rendering", "traversals"}}
FILES = sorted(SOURCE.rglob("*.py"))


def name_of(file: Path) -> str:
    parts = file.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def modules() -> set[str]:
    return {name_of(file) for file in FILES}


def imports(tree: ast.AST) -> set[str]:
    """List the modules of vaekit that are imported anywhere, also inside functions."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {a.name for a in node.names if a.name.split(".")[0] == "vaekit"}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            if (node.module or "").split(".")[0] == "vaekit":
                whole = {f"{node.module}.{a.name}" for a in node.names}
                found |= {
                    w if w.removeprefix("vaekit.") in modules() else node.module for w in whole
                }
    return {name.removeprefix("vaekit").removeprefix(".") for name in found} - {""}


def wrong(importer: str, imported: str) -> str | None:
    """Say why one module may not import another, or None."""
    up, down = importer.split(".", maxsplit=1)[0], imported.split(".", maxsplit=1)[0]
    if up == down:
        within = imported.partition(".")[2]
        private = up in KINDS and "." in importer and within
        return (
            "parts import no siblings"
            if private and within not in SHARED.get(up, {"base"})
            else None
        )
    return None if LEVEL[down] < LEVEL[up] else f"{down} does not lie below {up}"


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(SOURCE)))
def test_imports_point_down(file):
    importer = name_of(file)
    if not importer:  # names for users, of any layer, each imported when it is used
        return
    assert importer.split(".")[0] in LEVEL, f"give {importer} a place in LAYERS"
    found = imports(ast.parse(file.read_text(encoding="utf-8"))) - UPWARD.get(importer, set())
    said = {f"{importer} → {i}: {why}" for i in sorted(found) if (why := wrong(importer, i))}
    assert not said


def test_the_model_knows_contracts_only():
    found = imports(ast.parse((SOURCE / "model.py").read_text(encoding="utf-8")))
    assert found <= CONTRACTS | {"errors", "brief", "shapes"}


def test_the_names_of_the_package():
    tree = ast.parse((SOURCE / "__init__.py").read_text(encoding="utf-8"))
    checked = next(node for node in tree.body if isinstance(node, ast.If))
    assert ast.unparse(checked.test) == "TYPE_CHECKING"
    typed = {a.name for node in checked.body for a in node.names}  # pyright: ignore
    assert typed == set(vaekit.__all__) <= set(dir(vaekit))
    for name in vaekit.__all__:
        module = sys.modules[getattr(vaekit, name).__module__] if name in vaekit._HOMES else None
        assert getattr(vaekit, name) is (
            getattr(module, name) if module else sys.modules[f"vaekit.{name}"]
        )
    with pytest.raises(AttributeError):
        _ = vaekit.nothing  # pyright: ignore


def test_the_rule_would_notice():
    assert wrong("posteriors.dirac", "priors.normal")
    assert wrong("posteriors.dirac", "posteriors.gaussian")
    assert wrong("training.loop", "information")
    assert wrong("objectives.kl", "training.loop")
    assert not wrong("posteriors.dirac", "posteriors.base")
    assert not wrong("information.rates", "metrics")
    assert imports(ast.parse("def f():\n    from vaekit.training import fit\n")) == {"training"}


@pytest.mark.parametrize(
    "code",
    ["import vaekit.cli", "import vaekit.cli; vaekit.cli.main(['--help'])", "import vaekit"],
)
def test_the_command_line_starts_without_torch(code):
    heavy = (
        "{'torch', 'numpy', 'matplotlib', 'lightning_fabric', 'polars', 'sklearn', 'jsonargparse'}"
    )
    check = f"import sys; {code}; print(sorted({heavy} & set(sys.modules)), file=sys.stderr)"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"


def test_python_without_docstrings_serves():
    """python -OO leaves docstrings out, from which help and estimators are made."""
    script = (
        "from vaekit import cli; from vaekit.estimators import VAE; "
        "cli.main(['list']); VAE(latent=2); cli.main(['train', 'vae', '--help'])"
    )
    done = subprocess.run([sys.executable, "-OO", "-c", script], capture_output=True, text=True)
    assert done.returncode == 0 and "--latent" in done.stdout, done.stderr
