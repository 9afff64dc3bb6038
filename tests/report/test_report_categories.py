"""Pages of models whose code has categories: one-hots are shown whole, and with their classes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from PIL import Image

from vaekit import pictures
from vaekit.apply import decode, sample_codes
from vaekit.data import Dataset
from vaekit.distributions.divergences import kl, kl_of_blocks
from vaekit.metrics import cluster_accuracy
from vaekit.report import codes as coding
from vaekit.report.section import View
from vaekit.report.sections import categories, images


@pytest.fixture(scope="module")
def joint(make):
    return make("vmi_joint_vae", "digits", style=3, categories=6, reader="mlp(8)")


@pytest.fixture(scope="module")
def codes(joint):
    return coding.encode_items(joint.model, joint.data.test)


@pytest.fixture(scope="module")
def page(joint, page_of, tmp_path_factory) -> str:
    return page_of(joint, tmp_path_factory.mktemp("page"))


def test_shares_sum_up_to_the_rate(joint, codes):
    model, test = joint.model.eval(), joint.data.test
    with torch.no_grad():
        q = model.posterior(test.batch(torch.arange(len(test))))
        p, z = model.prior(), q.rsample((1,))
        blocks = kl_of_blocks(q, p, z)
        whole = float(kl(q, p, z).mean())
    assert codes.nats and codes.categories == {"class": slice(3, 9)}
    assert codes.share.sum() == pytest.approx(whole, abs=1e-4)
    assert codes.share[:3].sum() == pytest.approx(float(blocks["style"].mean()), abs=1e-4)
    assert codes.share[3:].sum() == pytest.approx(float(blocks["class"].mean()), abs=1e-4)
    assert np.ptp(codes.share[3:]) == 0


def test_entries_of_one_hots_are_no_latents(codes):
    assert sorted(codes.order.tolist()) == [0, 1, 2]
    assert set(images.informative(codes)) <= {0, 1, 2}
    assert (np.diff(codes.share[codes.order]) <= 0).all()
    assert "9" not in images.order_text(codes, [0, 1, 2])
    left = replace(codes, share=np.array([1.0, 1.0, 0.0, *[9.0] * 6]))
    assert "1 of 3 latents are left out" in images.order_text(left, [0, 1])
    label = images.category_label(codes, "class")
    assert label == f"class · {codes.share[3:].sum():.2f} nats"
    bare = replace(codes, nats=False, categories={"": slice(3, 9)})
    assert images.category_label(bare, "") == "category"


def test_each_category_is_set_in_turn(codes):
    z = images.each_category(codes, codes.categories["class"], 4)
    assert z.shape == (6, 9) and torch.equal(z[:, 3:], torch.eye(6))
    assert (z[:, :3].numpy() == codes.means[4, :3].astype(np.float32)).all()


def test_the_page(page, codes, joint):
    assert 'id="traversals"' in page and "each category is set in turn" in page
    assert 'id="categories-class"' in page and "Categories: class" in page
    assert 'id="prior"' in page and "Rate of each independent part" in page
    assert 'id="plane"' not in page
    labels = joint.data.test.batch_labels(codes.rows).numpy()
    found = cluster_accuracy(codes.means[:, 3:].argmax(1), labels, categories=6)
    assert f"Accuracy {found:.3f} under that assignment" in page
    for k in range(6):
        assert f">category {k}<" in page and f">class {k}<" not in page


def test_pictures_of_categories(joint, codes, tmp_path):
    test = joint.data.test
    assert list(categories.sections(View(joint.model, test, codes, tmp_path)))
    with Image.open(tmp_path / "categories-class.png") as sheet:
        wide, high = sheet.size
    cell, times = 8 + pictures.GAP, 7
    assert (wide, high) == ((10 * cell - pictures.GAP) * times, (6 * cell - pictures.GAP) * times)
    z = sample_codes(joint.model, 10)
    z[:, 3:] = torch.eye(6)[2]
    row = pictures.grid(pictures.tiles(decode(joint.model, z)), 10)
    with Image.open(tmp_path / "categories-class.png") as sheet:
        found = np.asarray(sheet)[::times, ::times]
    assert (found[2 * cell : 2 * cell + 8] == row).all()


def test_rows_of_several_blocks_have_their_names(joint, codes, tmp_path):
    two = replace(codes, categories={"class": slice(3, 6), "kind": slice(6, 9)})
    html = categories.category_samples(View(joint.model, joint.data.test, two, tmp_path), "kind")
    assert ">kind: category 2<" in html and ">category 2<" not in html


def test_tables_hold_counts():
    said, labels = np.array([0, 0, 0, 2, 2]), np.array([1, 1, 4, 4, 4])
    found = cluster_accuracy(said, labels, categories=3)
    svg = categories.count_table(found, ("a", "ant"))
    assert ">ant<" in svg and ">4<" in svg and ">3<" not in svg
    for count in (1, 2):
        assert f">{count}<" in svg
    assert svg.count("stroke: var(--ink)") == 2  # frames of 0 → 1 and 2 → 4, none where nothing is


def test_histograms():
    p = np.array([[0.9, 0.1], [0.6, 0.4]])
    assert categories.category_usage(p).startswith("<svg")
    assert "spreads over 1.75 categories" in categories._used(p)
    assert "spreads over 1.00 categories" in categories._used(np.array([[1.0, 0.0]] * 3))


def test_sets_without_labels_and_vectors(joint, codes, tmp_path):
    plain = Dataset(joint.data.test.images, rows=joint.data.test.rows)
    (section,) = categories.sections(View(joint.model, plain, codes, tmp_path))
    assert len(section.figures) == 2 and "Accuracy" not in section.caption


def test_vectors(make, arrays, page_of, tmp_path):
    arguments = {"style": 2, "categories": 3, "reader": "mlp(8)", "likelihood": "squared_error"}
    page = page_of(make("vmi_joint_vae", arrays["vectors"], **arguments), tmp_path)
    assert "The entries of a one-hot are not moved." in page
    assert 'id="categories-class"' in page and "Pictures are" not in page
