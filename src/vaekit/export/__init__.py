"""Export: a trained run as ONNX, as a program of PyTorch, or as a folder for a model hub.

    export.write(run, "onnx", "folder")     encoder.onnx, decoder.onnx: run without PyTorch
    export.write(run, "torch", "folder")    encoder.pt2, decoder.pt2: run without vaekit
    export.write(run, "hub", "folder")      weights, run.yaml, a card: `Run.from_pretrained`

What comes out of a written file is held against the model at once.
"""

from vaekit.export.graphs import graphs
from vaekit.export.hub import from_pretrained
from vaekit.export.writing import Export, write

__all__ = ["Export", "from_pretrained", "graphs", "write"]
