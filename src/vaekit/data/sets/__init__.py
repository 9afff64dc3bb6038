"""Public sets and generators by name, one file each: a new one is a file and a row here."""

from collections.abc import Callable

from vaekit.data.dataset import Dataset
from vaekit.data.sets import (
    cars3d,
    celeba,
    cifar10,
    digits,
    dsprites,
    faces,
    faces3d,
    heads,
    mnist,
    omniglot,
    shapes3d,
    smallnorb,
    sprites,
)
from vaekit.data.splits import Splits

SETS: dict[str, Callable[..., Dataset | Splits]] = {
    "sprites": sprites.sprites,
    "heads": heads.heads,
    "dsprites": dsprites.dsprites,
    "shapes3d": shapes3d.shapes3d,
    "cars3d": cars3d.cars3d,
    "smallnorb": smallnorb.smallnorb,
    "faces3d": faces3d.faces3d,
    "mnist": mnist.mnist,
    "fashion-mnist": mnist.fashion_mnist,
    "digits": digits.digits,
    "cifar10": cifar10.cifar10,
    "celeba": celeba.celeba,
    "yale-b": faces.yale_b,
    "orl-faces": faces.orl_faces,
    "omniglot": omniglot.omniglot,
}
