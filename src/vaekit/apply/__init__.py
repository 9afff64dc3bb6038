"""Use a trained model: encode, decode, reconstruct, sample; arrays in, arrays on the CPU out.

Everything goes in batches, without gradients, in evaluation mode, and leaves the model in the mode
it was found in. Codes are the mean of q(z|x), reconstructions the mean of p(x|z). Whole sets, and
what a `DataLoader` gives, are encoded and reconstructed batch by batch.
"""

from vaekit.apply.arrays import decode, encode, latent_codes, reconstruct, sample, sample_codes
from vaekit.apply.loaders import Stream, beside_each, conditions_beside, set_or_stream
from vaekit.apply.modes import (
    check_shape,
    device_of,
    evaluating,
    reading_of,
    sample_rows,
    seeded,
    shape_of,
)
from vaekit.apply.sets import Codes, encode_batches, encode_set, joined, reconstruct_batches
from vaekit.apply.walk import CHUNK, Chunk, batches, condition_of

__all__ = [
    "CHUNK",
    "Chunk",
    "Codes",
    "Stream",
    "batches",
    "beside_each",
    "check_shape",
    "condition_of",
    "conditions_beside",
    "decode",
    "device_of",
    "encode",
    "encode_batches",
    "encode_set",
    "evaluating",
    "joined",
    "latent_codes",
    "reading_of",
    "reconstruct",
    "reconstruct_batches",
    "sample",
    "sample_codes",
    "sample_rows",
    "seeded",
    "shape_of",
    "set_or_stream",
]
