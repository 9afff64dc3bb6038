"""Files are written whole, at the place that was meant, and what the system refuses is told."""

import errno
import os
import resource
import shutil
import socket
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import SafetensorError

import vaekit
from vaekit import cli, data, system
from vaekit.errors import VaekitError
from vaekit.runs import Run, history
from vaekit.system import files
from vaekit.training.state import save_weights


def write(path: Path, text: str = "new") -> None:
    files.write_text(path, text)


# ---- places that are no files


@pytest.fixture
def odd(tmp_path):
    """Make what is no file, by kind; without the right to make devices, the one that is there."""
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    listening = socket.socket(socket.AF_UNIX)
    listening.bind(str(tmp_path / "socket"))
    device = tmp_path / "device"
    try:
        os.mknod(device, stat.S_IFCHR | 0o666, os.makedev(1, 3))
    except PermissionError:
        device = Path("/dev/null")
    yield {k: tmp_path / k for k in ("folder", "pipe", "socket")} | {"device": device}
    listening.close()


@pytest.mark.parametrize("kind", ["folder", "pipe", "socket", "device"])
@pytest.mark.parametrize("linked", [False, True])
def test_what_is_no_file_is_left_as_it_is(kind, linked, odd, tmp_path):
    path, before = odd[kind], odd[kind].stat()
    if linked:
        (tmp_path / "link").symlink_to(path)
        path = tmp_path / "link"
    for act in (write, files.check_file):
        with pytest.raises(VaekitError, match=f"cannot write .*: it is a {kind}, name a file"):
            act(path)
    assert (odd[kind].stat().st_mode, odd[kind].stat().st_ino) == (before.st_mode, before.st_ino)
    assert {p.name for p in tmp_path.iterdir()} <= {"folder", "pipe", "socket", "device", "link"}


def test_a_link_stays_and_its_target_is_written(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "far" / "target").write_text("old")
    (tmp_path / "middle").symlink_to("far/target")
    (tmp_path / "link").symlink_to("middle")
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "middle").is_symlink()
    assert (tmp_path / "far" / "target").read_text() == "new"
    assert [p.name for p in (tmp_path / "far").iterdir()] == ["target"]


def test_a_link_that_leads_nowhere_makes_its_target(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "far" / "target")
    write(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "far" / "target").read_text() == "new"


def test_links_in_a_circle(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(VaekitError, match="its links lead in a circle: correct the path"):
        write(tmp_path / "a")


@pytest.mark.parametrize("check", [files.check_file, files.check_folder, write])
def test_a_place_below_a_file(check, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(VaekitError, match=r"cannot write .*file.*: .*(folder).*"):
        check(tmp_path / "file" / "under" / "it")
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_check_leaves_nothing(tmp_path):
    files.check_file(tmp_path / "a" / "b")
    files.check_folder(tmp_path / "a" / "b")
    assert not list(tmp_path.iterdir())


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(VaekitError, match="is a file, no folder: choose another one"):
        files.check_folder(tmp_path / "file")


def test_a_place_without_permission(tmp_path):
    if os.geteuid() == 0:
        pytest.skip(
            "root may write everywhere; test_every_cause_has_its_cure has it by other means"
        )
    tmp_path.chmod(0o555)
    with pytest.raises(VaekitError, match="no permission: change the permissions"):
        files.check_file(tmp_path / "a")


def test_a_new_file_has_the_mode_that_new_files_have(tmp_path):
    (tmp_path / "plain").write_text("")
    write(tmp_path / "a")
    save_weights(torch.nn.Linear(2, 2), tmp_path / "b")  # pyright: ignore[reportArgumentType]
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1


def test_a_name_as_long_as_names_may_be(tmp_path):
    write(tmp_path / ("ä" * 127))
    with pytest.raises(VaekitError, match="name is too long: choose a shorter one"):
        write(tmp_path / ("ä" * 200))


# ---- what was left


def dead() -> int:
    """Return the number of a process that has ended."""
    process = subprocess.Popen(["true"])
    process.wait()
    return process.pid


def part(name: str, host: str, process: int) -> str:
    return f".{name}.{host}.{process}-0.part"


def test_parts_of_dead_processes_go_with_the_next_write(tmp_path):
    own, alive = files._host(), os.getppid()
    left = [part("a", own, dead()), part("b.txt", own, dead()), part("c", own, os.getpid())]
    kept = [part("a", own, alive), part("a", "elsewhere", dead()), ".mine.part", "notes.part"]
    for name in (*left, *kept):
        (tmp_path / name).touch()
    write(tmp_path / "a")
    assert {p.name for p in tmp_path.iterdir()} == {"a", *kept}
    (tmp_path / left[0]).touch()
    write(tmp_path / "b")
    assert not (tmp_path / left[0]).exists()


def test_a_training_sweeps_all_that_nobody_writes(tmp_path):
    own = files._host()
    for name in (part("a", own, dead()), part("a", "elsewhere", 1), ".a.123.part"):
        (tmp_path / name).touch()
    kept = {part("a", own, os.getppid()), "notes.part", ".notes"}
    for name in kept:
        (tmp_path / name).touch()
    files.remove_parts(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == kept


def test_a_part_that_is_being_written_stays(tmp_path):
    seen = []

    def writer(temporary: Path) -> None:
        files.remove_parts(tmp_path)
        write(tmp_path / "other")
        seen.append(temporary.exists())
        temporary.write_text("text")

    files.write_file(tmp_path / "a", writer)
    assert seen == [True] and (tmp_path / "a").read_text() == "text"


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError, SystemExit])
def test_a_write_that_is_broken_off_leaves_nothing(error, tmp_path):
    def writer(temporary: Path) -> None:
        temporary.write_text("half")
        raise error

    with pytest.raises((error, VaekitError)):
        files.write_file(tmp_path / "a", writer)
    assert not list(tmp_path.iterdir())


# ---- what the system refuses

NUMBERS = {
    errno.ENOSPC: "no space left on the disk: free some space and repeat",
    errno.EDQUOT: "quota .* is used up: free some space and repeat",
    errno.EFBIG: r"larger than a file may be here: raise the limit \(ulimit -f\) and repeat",
    errno.EACCES: "no permission: change the permissions, or choose another place",
    errno.EPERM: "no permission: change the permissions, or choose another place",
    errno.EROFS: "the file system is read-only: choose another place",
    errno.ENXIO: "no such device: see that the disk is attached",
    errno.ENODEV: "no such device: see that the disk is attached",
    errno.EIO: "the disk reports an error: see that it is sound",
    errno.ENOTDIR: "a part of this path is a file, no folder: correct the path",
    errno.EMFILE: r"too many files are open: raise the limit \(ulimit -n\)",
    errno.ENOMEM: "more memory than there is .*: choose a smaller network",
    errno.EXDEV: "invalid cross-device link: repeat the command, or choose another place",
}


def refusals(number: int) -> list[Exception]:
    """List what Python and safetensors raise for a number of the system's."""
    text = os.strerror(number)
    return [OSError(number, text), SafetensorError(f"I/O error: {text} (os error {number})")]


@pytest.mark.parametrize("number", NUMBERS)
def test_every_cause_has_its_cure(number, tmp_path):
    for error in refusals(number):

        def writer(temporary: Path, error: Exception = error) -> None:
            temporary.write_text("half")
            raise error

        write(tmp_path / "a", "old")
        with pytest.raises(VaekitError, match=NUMBERS[number]) as caught:
            files.write_file(tmp_path / "a", writer)
        assert number == errno.ENOMEM or f"cannot write {tmp_path / 'a'}: " in str(caught.value)
        assert (tmp_path / "a").read_text() == "old"
        assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("number", NUMBERS)
def test_the_command_line_tells_them_all(number, monkeypatch, capsys):
    for error in refusals(number):
        monkeypatch.setitem(cli.COMMANDS, "list", lambda words, error=error: _raise(error))
        with pytest.raises(SystemExit) as caught:
            cli.main(["list"])
        said = capsys.readouterr().err
        assert caught.value.code == 2 and said.count("\n") == 1
        assert NUMBERS[number].partition(":")[0].replace(".*", "") or said


def _raise(error: BaseException) -> None:
    raise error


def memory(act) -> Exception:
    """Return what a call raises that asks for more memory than there is."""
    with pytest.raises((RuntimeError, MemoryError, ValueError, TypeError, OverflowError)) as caught:
        act()
    return caught.value


@pytest.mark.parametrize(
    "act",
    [
        lambda: torch.empty(10**17),
        lambda: torch.empty(10**12, 10**12),
        lambda: torch.empty(10**30),
        lambda: torch.nn.Linear(500, 10**14),
        lambda: np.empty(10**17),
        lambda: np.empty((10**12, 10**12)),
        lambda: np.zeros(10**18, np.float64),
        lambda: bytearray(10**17),
        lambda: len(range(10**30)),
        lambda: _raise(torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.")),
        lambda: _raise(RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)")),
        lambda: _raise(MemoryError()),
    ],
)
def test_what_memory_does_not_hold_is_told(act):
    said = str(system.system_error(memory(act)))
    assert "more memory than there is" in said and "smaller network" in said
    assert "\n" not in said and len(said) < 260


@pytest.mark.parametrize(
    "error", [RuntimeError("shapes differ"), ValueError("no"), KeyError("a"), TypeError("b")]
)
def test_mistakes_of_our_own_are_not_the_system_s(error):
    assert system.system_error(error) is None
    with pytest.raises(type(error)), system.writing(Path("a")):
        raise error


def test_a_history_on_a_full_device():
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full on this system")
    with pytest.raises(VaekitError, match=r"cannot write /dev/full: no space left.*--resume"):
        history.append(Path("/dev/full"), {"step": 1.0})


def test_a_limit_on_the_size_of_files(tmp_path):
    """A true limit, which safetensors meets, in a process of its own."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    words = ["train", "vae", "--data", "digits", "--epochs", "1", "--out", "r"]
    done = subprocess.run(
        [sys.executable, "-m", "vaekit", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        preexec_fn=limit,
        check=False,
    )
    assert done.returncode == 2
    last = done.stderr.strip().splitlines()[-1]
    assert "cannot write r/model.safetensors: larger than a file may be" in last
    assert not [p for p in (tmp_path / "r").rglob("*") if p.name.startswith(".")]


# ---- --out of every command


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    np.save(folder / "x.npy", np.random.default_rng(0).random((60, 1, 4, 4), np.float32))
    small = ["--network", "mlp(4)", "--latent", "2", "--epochs", "1", "--batch", "18"]
    words = ["train", "vae", "--data", str(folder / "x.npy"), *small, "--device", "cpu"]
    cli.main([*words, "--out", str(folder / "run")])
    cli.main(["encode", str(folder / "run"), "--out", str(folder / "z.npy")])
    return folder


COMMANDS = {
    "train": ("train", "RUN"),
    "report": ("report", "RUN"),
    "compare": ("compare", "RUN", "RUN"),
    "encode": ("encode", "RUN", "--force"),
    "decode": ("decode", "RUN", "Z", "--force"),
    "reconstruct": ("reconstruct", "RUN", "--force"),
    "sample": ("sample", "RUN", "--force"),
}
ENDINGS = {"encode": ".npz", "report": ".html", "compare": ".html", "train": ""}


def outs(command: str, odd: dict[str, Path], tmp_path: Path) -> list[Path]:
    """List places that do not serve a command, named so that its ending is right."""
    ending, found = ENDINGS.get(command, ".png"), []
    for kind, path in odd.items():
        if kind != "folder" or ending in (".npz", ".html"):  # a folder serves the others
            place = tmp_path / f"{kind}-link{ending}"
            place.symlink_to(path)
            found.append(place)
    (tmp_path / "file").write_text("mine")
    return [*found, tmp_path / "file" / f"below{ending}"]


@pytest.mark.parametrize("command", COMMANDS)
def test_an_out_that_does_not_serve_is_told_first(
    command, trained, odd, tmp_path, monkeypatch, capsys
):
    from vaekit import runs
    from vaekit.runs import Config

    def never(*_, **__):
        raise AssertionError("something was computed first")

    monkeypatch.setattr(Config, "load_data", never)
    monkeypatch.setattr(runs.Run, "system", property(never))
    names = {"RUN": str(trained / "run"), "Z": str(trained / "z.npy")}
    for place in outs(command, odd, tmp_path):
        words = [names.get(word, word) for word in COMMANDS[command]]
        with pytest.raises(SystemExit) as caught:
            cli.main([*words, "--out", str(place)])
        said = capsys.readouterr()
        assert caught.value.code == 2, place
        assert len(said.err.strip().splitlines()) <= 2 and place.name.split("-")[0] in said.err
    assert (tmp_path / "file").read_text() == "mine"


def test_dev_null_stays_a_device(trained, capsys):
    null = Path("/dev/null")
    for words in (["report", "RUN"], ["compare", "RUN", "RUN"], ["train", "RUN"]):
        words = [word.replace("RUN", str(trained / "run")) for word in words]
        with pytest.raises(SystemExit):
            cli.main([*words, "--out", str(null)])
        assert str(null) in capsys.readouterr().err
    assert null.is_char_device()


def test_a_report_through_a_link(trained, tmp_path):
    shutil.copytree(trained / "run", tmp_path / "run")
    (tmp_path / "page.html").symlink_to(tmp_path / "elsewhere.html")
    cli.main(["report", str(tmp_path / "run"), "--out", str(tmp_path / "page.html")])
    assert (tmp_path / "page.html").is_symlink()
    assert "<html" in (tmp_path / "elsewhere.html").read_text(encoding="utf-8")


# ---- places that users name


def test_a_place_is_taken_as_it_was_meant(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "deep" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "deep" / "inner")
    assert files.place("missing/../up", "a run") == tmp_path / "up"
    assert files.place("link/../up", "a run").resolve() == tmp_path / "deep" / "up"
    assert files.place("../up", "a run") == Path("../up")


@pytest.mark.parametrize("path", ["", "x\0y", 3, b"x", None, "~nobody-of-this-name/x"])
def test_what_names_no_place(path):
    with pytest.raises(VaekitError):
        files.place(path, "a run")


@pytest.mark.parametrize("name", [f"{'n' * 5000}.csv", "link/x.csv"], ids=["long", "circle"])
def test_where_the_system_cannot_look(name, tmp_path, monkeypatch):
    """By every door of Python that takes a path: it is the system's error, in our words."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to("link")
    fine = {"data": "digits", "epochs": 1, "network": "mlp(2)"}
    doors = [
        lambda: data.load(name),
        lambda: data.load(f"table('{name}')"),
        lambda: data.load(f"array('{name}')"),
        lambda: data.load(f"folder('{name}')"),
        lambda: data.load("mnist", data_dir=name),
        lambda: Run(name),
        lambda: vaekit.train(Path(name), **fine),
        lambda: vaekit.train("vae", **fine, out=name),
        lambda: vaekit.train("vae", **fine, start=name),
    ]
    for door in doors:
        with pytest.raises(VaekitError, match=r"too long|in a circle"):
            door()


def test_letters_that_utf8_lacks_are_written_as_numbers(tmp_path):
    files.write_text(tmp_path / "page", "run \udcff")
    assert (tmp_path / "page").read_text() == r"run \udcff"
