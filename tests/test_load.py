"""What is said where a processor is busy, or cannot do what is asked of it."""

import pytest
import torch

from vaekit.errors import VaekitWarning
from vaekit.system import load
from vaekit.training import Training, fabric


@pytest.fixture
def clocks(monkeypatch):
    """Set what the clocks say: wall seconds, seconds of all threads, cores lost to others."""
    now = [0.0, 0.0, 0.0]
    monkeypatch.setattr(load, "_now", lambda: tuple(now))
    return now


@pytest.mark.parametrize(
    ("threads", "busy", "taken", "share"),
    [
        (2, 20.0, 0, None),  # alone
        (2, 8.0, 10, None),  # waits for its data, and no one takes its cores
        (2, 8.0, 1000, 0.4),
        (2, 19.0, 1000, None),  # others take little
        (1, 3.0, 1000, None),  # fewer than one thread there are not
    ],
)
def test_crowding(clocks, threads, busy, taken, share):
    look = load.Crowding(threads)
    clocks[:] = [10.0, busy, taken]
    assert look.share() == share
    clocks[:] = [11.0, busy, taken + 1000]
    assert look.share() is None  # too soon


def test_the_clocks_run():
    wall, busy, taken = load._now()
    assert wall > 0 and busy > 0 and taken >= 0


@pytest.mark.parametrize(("kind", "said"), [("AVX2", True), ("DEFAULT", True), ("AVX512", False)])
def test_bf16_that_is_imitated_is_said(kind, said, monkeypatch, recwarn):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: kind)
    monkeypatch.setattr(fabric.platform, "machine", lambda: "x86_64")
    if said:
        with pytest.warns(VaekitWarning, match=f"this processor \\({kind}\\) does not compute in"):
            fabric.make_fabric(Training(precision="bf16", device="cpu"))
    else:
        fabric.make_fabric(Training(precision="bf16", device="cpu"))
    fabric.make_fabric(Training(device="cpu"))
    assert not recwarn.list


def test_a_crowded_training_says_so_once(monkeypatch, tmp_path):
    import vaekit

    monkeypatch.setattr(load.Crowding, "share", lambda self: 0.4)
    with pytest.warns(VaekitWarning, match=r"got 40% of their cores.*--threads 1") as told:
        vaekit.train("ae", data="digits", epochs=2, latent=2, out=tmp_path / "r", threads=2)
    assert len([each for each in told if "other processes" in str(each.message)]) == 1
