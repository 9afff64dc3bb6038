"""Omniglot: the real small sets, and small archives of their layout."""

import numpy as np
import pytest
import torch
from packing import encoded, pack

from vaekit.data import load
from vaekit.data.area import averaged
from vaekit.data.sets.omniglot import omniglot
from vaekit.errors import VaekitError

SMALL = {"small1": ("Greek", "Korean"), "small2": ("Greek", "Tagalog")}
OFF = "check=false, size=7"


def stroke(alphabet: str, character: int, drawer: int) -> np.ndarray:
    """Draw one line of ink, True on paper: its row tells the character, its length the drawer."""
    picture = np.ones((42, 42), bool)
    row = 7 * (character - 1) + {"Greek": 0, "Korean": 14, "Tagalog": 28}[alphabet]
    picture[row : row + 7, : 2 * drawer] = False
    return picture


def archive(name: str) -> dict[str, bytes]:
    """Return two characters of each alphabet by 20 drawers, and what else lies about."""
    stem = f"images_background_{name}"
    made = {f"{stem}/Greek/strokes.txt": b"a list", f"__MACOSX/{stem}/Greek/._0001_01.png": b"?"}
    for alphabet in SMALL[name]:
        for character in (1, 2):
            for drawer in range(1, 21):
                path = f"{stem}/{alphabet}/character{character:02d}/0{character:03d}_{drawer:02d}"
                made[f"{path}.png"] = encoded(stroke(alphabet, character, drawer), "PNG")
    return made


@pytest.fixture
def small(offline, tmp_path):
    for name in SMALL:
        pack(tmp_path / "omniglot" / f"images_background_{name}", archive(name), ".zip")
    return tmp_path


def whole(data):
    return data.batch(torch.arange(len(data)))


def test_characters_and_drawers(small):
    train, test = load(f"omniglot({OFF})", small)
    assert (len(train), len(test)) == (6 * 15, 6 * 5) and train.images is test.images
    assert train.shape == (1, 7, 7) and train.images.dtype == torch.uint8
    assert train.name == "omniglot" and train.label_names == tuple(
        f"{alphabet}/character{k:02d}"
        for alphabet in ("Greek", "Korean", "Tagalog")
        for k in (1, 2)
    )
    for part, drawers in ((train, range(1, 16)), (test, range(16, 21))):
        labels = part.batch_labels(torch.arange(len(part)))
        assert labels.tolist() == np.repeat(range(6), len(drawers)).tolist()
        for x, label, drawer in zip(whole(part), labels, [*drawers] * 6, strict=True):
            alphabet, character = train.label_names[label].split("/character")
            ink = 255 * ~stroke(alphabet, int(character), drawer)
            expected = torch.from_numpy(averaged(ink, (7, 7))[None]).float()
            torch.testing.assert_close(255 * x, expected)
    assert float(whole(test).amax()) == 1, "ink is 1"
    assert all(len(seal) == 64 for seal in train.files.values()) and len(train.files) == 2


def test_what_two_archives_share_counts_once(small):
    one = load(f"omniglot(part=small1, {OFF})", small)
    two = load(f"omniglot(part=small2, {OFF})", small)
    both = load(f"omniglot({OFF})", small)
    assert [len(s.train) for s in (one, two, both)] == [60, 60, 90]
    assert len(whole(both.train).unique(dim=0)) == 90
    path = small / "omniglot" / "images_background_small2"
    other = archive("small2")
    name = "images_background_small2/Greek/character01/0001_01.png"
    pack(path, {**other, name: encoded(stroke("Tagalog", 2, 20), "PNG")}, ".zip")
    with pytest.raises(VaekitError, match="disagree on pictures of one name"):
        load(f"omniglot({OFF})", small)


def test_alphabets_rotations_and_held_drawers(small):
    plain = load(f"omniglot(alphabets=[Tagalog], {OFF})", small)
    assert plain.train.label_names == ("Tagalog/character01", "Tagalog/character02")
    assert (len(plain.train), len(plain.test)) == (30, 10)
    turned = load(f"omniglot(alphabets=Tagalog, rotations=true, {OFF})", small)
    assert (len(turned.train), len(turned.test)) == (120, 40)
    x, labels = whole(turned.train), turned.train.batch_labels(torch.arange(120))
    assert labels.bincount().tolist() == [60, 60]
    for k in range(4):
        assert torch.equal(x[k::4], torch.rot90(whole(plain.train), k, (2, 3)))
        assert torch.equal(labels[k::4], plain.train.batch_labels(torch.arange(30)))
    fewer = load(f"omniglot(held=1, {OFF})", small)
    assert (len(fewer.train), len(fewer.test)) == (6 * 19, 6)


def test_alphabets_that_were_never_seen(small):
    def characters(part):
        labels = part.batch_labels(torch.arange(len(part)))
        return [part.label_names[k] for k in labels.unique()]

    train, test = load(f"omniglot(unseen=Greek, {OFF})", small)
    assert (len(train), len(test)) == (4 * 20, 2 * 20)
    assert characters(test) == ["Greek/character01", "Greek/character02"]
    assert {name.split("/")[0] for name in characters(train)} == {"Korean", "Tagalog"}
    few = load(f"omniglot(unseen=[Greek], characters=1, rotations=true, {OFF})", small)
    assert (len(few.train), len(few.test)) == (4 * 80, 80)
    assert characters(few.test) == ["Greek/character01"]
    assert torch.equal(whole(few.test)[::4], whole(test)[:20])
    one = load(f"omniglot(alphabets=[Korean, Greek], unseen=Greek, {OFF})", small)
    assert {name.split("/")[0] for name in characters(one.train)} == {"Korean"}
    archive = load(f"omniglot(unseen=small2, {OFF})", small)  # Greek is in both
    assert {name.split("/")[0] for name in characters(archive.train)} == {"Korean"}
    assert len(archive.test) == 4 * 20


def test_a_folder_and_other_archives(offline, tmp_path):
    pack(tmp_path / "images_background_small1", archive("small1"), "folder")
    assert len(omniglot(part="small1", check=False, data_dir=tmp_path).train) == 60
    made = {k.replace("background_small1", "evaluation"): v for k, v in archive("small1").items()}
    pack(tmp_path / "images_evaluation", made, ".zip")
    assert len(omniglot(part="evaluation", check=False, data_dir=tmp_path).test) == 20
    with pytest.raises(VaekitError, match=r"holds 80 pictures, the published set 13180.*check"):
        omniglot(part="evaluation", data_dir=tmp_path)


def test_it_is_decoded_once_for_each_size(small, offline, monkeypatch):
    first = omniglot(42, check=False, data_dir=small)
    assert len(omniglot(7, check=False, data_dir=small).train) == 90
    assert len(list((offline / "omniglot").iterdir())) == 4
    monkeypatch.setattr("vaekit.data.decoding.open_files", lambda *_: pytest.fail("decoded again"))
    again = omniglot(42, check=False, data_dir=small)
    assert torch.equal(again.train.images, first.train.images)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("part=smal", "Did you mean 'small'"),
        ("alphabets=[Greek, Tagolog]", "Did you mean 'Tagalog'"),
        ("alphabets=[]", "leaves none"),
        ("unseen=[]", "unseen=.. leaves none"),
        ("unseen=Grek", "Did you mean 'Greek'"),
        ("unseen=[Greek, Korean, Tagalog]", "names all alphabets"),
        ("characters=2", "name these, unseen="),
        ("unseen=Greek, characters=3", "is 1 to 2, .*got 3"),
        ("held=0", "1 to 19 of its drawers, got held=0"),
        ("held=20", "got held=20"),
        ("size=0", "size must be a side"),
        ("size=[28, 14]", "size must be a whole number"),
        ("size=106", "never enlarged"),
    ],
)
def test_arguments_that_cannot_be(small, text, cause):
    with pytest.raises(VaekitError, match=cause):
        load(f"omniglot({text}, check=false)", small)


def test_pictures_stay_square(small):
    with pytest.raises(VaekitError, match="one size for both sides, up to 105, got \\[28, 14\\]"):
        omniglot([28, 14], data_dir=small, check=False)


def test_missing_and_damaged_files(small, tmp_path):
    with pytest.raises(VaekitError) as caught:
        load("omniglot(part=background)", small)
    for part in ("images_background.zip", "brendenlake/omniglot", "--data-dir"):
        assert part in str(caught.value)
    with pytest.raises(VaekitError, match="holds 80 pictures, the published set 2720"):
        load("omniglot", small)
    path = small / "omniglot" / "images_background_small1.zip"
    made, name = archive("small1"), "images_background_small1/Korean/character02/0002_20.png"
    pack(path.with_suffix(""), {**made, name: made[name][:40]}, ".zip")
    with pytest.raises(VaekitError, match=r"0002_20\.png in .*get it again"):
        load(f"omniglot({OFF})", small)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(VaekitError, match=r"cannot read .*small1\.zip"):
        load(f"omniglot({OFF})", small)
    pack(path.with_suffix(""), {"readme.txt": b"nothing"}, ".zip")
    with pytest.raises(VaekitError, match="none of the pictures"):
        load(f"omniglot({OFF})", small)


def test_the_real_small_sets(real, own_cache):
    if not (real / "omniglot").is_dir():
        pytest.skip(f"no Omniglot in {real}")
    for part, pictures, characters in (("small1", 2720, 136), ("small2", 3120, 156)):
        data = load(f"omniglot(part={part})", real)
        assert len(data.train) + len(data.test) == pictures
        assert len(data.train.label_names) == characters
    train, test = load("omniglot", real)
    assert (len(train), len(test), train.shape) == (3630, 1210, (1, 28, 28))
    for part, each in ((train, 15), (test, 5)):
        counts = part.batch_labels(torch.arange(len(part))).bincount()
        assert counts.tolist() == [each] * 242
    assert len({name.split("/")[0] for name in train.label_names}) == 8
    assert len(whole(train).unique(dim=0)) == 3630, "no picture twice"
    assert train.files["images_background_small1.zip"].startswith("f38eb80f801274ac")
    ink = whole(load("omniglot(size=105)", real).train)
    assert set(ink.unique().tolist()) == {0.0, 1.0} and 0.02 < float(ink.mean()) < 0.15
    # 105 is 28 windows of 3¾: quartered, each is 15 whole pixels wide.
    quartered = ink[:50].repeat_interleave(4, 2).repeat_interleave(4, 3)
    expected = quartered.unflatten(2, (28, 15)).unflatten(4, (28, 15)).mean((3, 5))
    torch.testing.assert_close(whole(train)[:50], expected, atol=0.502 / 255, rtol=0)
