"""Runs on mapped sets: the same weights and numbers as in memory, and new data mapped as well."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_mapped import classes, small_pieces, table_of, written  # noqa: F401 (a fixture)

import vaekit
from vaekit import cli
from vaekit.data import RowNames
from vaekit.runs import Run
from vaekit.runs.use.inputs import examples

quiet = pytest.mark.filterwarnings("ignore::vaekit.errors.VaekitWarning")


def trained(data: str, out: Path, recipe: str = "vae", **options: Any) -> Run:
    return vaekit.train(
        recipe, data=data, epochs=2, batch=5, out=out, latent=2, network="mlp(8)", **options
    )


def assert_same_runs(one: Run, other: Run, new: str, new_mapped: str) -> None:
    for key, weight in one.model.state_dict().items():
        assert torch.equal(weight, other.model.state_dict()[key])
    assert one.config.data_checksum == other.config.data_checksum
    assert one.schema.notes() == other.schema.notes()
    numbers, others = one.evaluate(), other.evaluate()
    assert {k: v["value"] for k, v in numbers.items()} == {k: v["value"] for k, v in others.items()}
    for what, mapped in ((None, None), (new, new_mapped)):
        assert np.array_equal(one.encode(what), other.encode(mapped))
        assert np.array_equal(one.reconstruct(what), other.reconstruct(mapped))
        assert list(examples(one, what).names) == list(examples(other, mapped).names)


def test_a_mapped_folder_trains_the_same(own_cache, tmp_path):
    pics = tmp_path / "pics"
    classes(pics)
    options = {"holdout": 0.25, "validation": 0.25}
    own = trained(f"folder('{pics}')", tmp_path / "own", **options)
    mapped = trained(f"folder('{pics}', mmap=true)", tmp_path / "mapped", **options)
    assert_same_runs(own, mapped, str(pics), str(pics))
    assert len(list(own_cache.glob("folder/*"))) == 2


@quiet
@pytest.mark.parametrize("kind", [".csv", "parts"])
def test_a_mapped_table_trains_the_same(own_cache, small_pieces, tmp_path, kind):  # noqa: F811
    path = written(table_of({"label": "kind", "missing": "drop"}), kind, tmp_path / "tables")
    how = "label=kind, missing=drop, scale=minmax"
    runs = [
        trained(f"table('{path}', {how}{more})", tmp_path / f"run{more[:6]}", "cvae")
        for more in ("", ", mmap=true")
    ]
    new = f"table('{path}', {how})"
    assert_same_runs(*runs, new, new)
    names = examples(runs[1], new).names
    assert isinstance(names, RowNames) and names[0] == "1" and names[:3] == ["1", "2", "3"]
    out = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for run, file in zip(runs, out, strict=True):
        cli.main(["encode", str(run.folder), new, "--out", str(file)])
    assert out[0].read_bytes() == out[1].read_bytes()


@quiet
def test_a_mapped_array_trains_the_same(own_cache, tmp_path):
    x = np.random.default_rng(0).random((40, 6), np.float32)
    np.save(tmp_path / "x.npy", x)
    own = trained(f"array('{tmp_path / 'x.npy'}')", tmp_path / "own")
    mapped = trained(f"array('{tmp_path / 'x.npy'}', mmap=true)", tmp_path / "mapped")
    assert_same_runs(own, mapped, str(tmp_path / "x.npy"), str(tmp_path / "x.npy"))
