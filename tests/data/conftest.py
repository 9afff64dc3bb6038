import os
from pathlib import Path

import numpy as np
import pooch
import pytest

REPO = Path(__file__).parents[2]


@pytest.fixture
def real() -> Path:
    folder = Path(os.environ.get("VAEKIT_DATA") or REPO.parent / "shared" / "data")
    if not (folder / "mnist").is_dir():
        pytest.skip(f"no real image sets in {folder}: set VAEKIT_DATA to run this")
    return folder


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Fail every download, and look nowhere but in the cache that is returned."""

    def refuse(*_: object, **__: object) -> str:
        raise OSError("no route to host")

    monkeypatch.delenv("VAEKIT_DATA", raising=False)
    monkeypatch.setattr(pooch, "retrieve", refuse)
    monkeypatch.setattr(pooch, "os_cache", lambda _: tmp_path / "cache")
    return tmp_path / "cache"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.fixture
def own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Put the cache where the test can see it, and leave downloads and $VAEKIT_DATA alone."""
    monkeypatch.setattr(pooch, "os_cache", lambda _: tmp_path / "cache")
    return tmp_path / "cache"
