"""The language in which parts are named by text: read, called, summed, written."""

from vaekit.text.building import bind, build, call
from vaekit.text.reading import parse, value, words
from vaekit.text.sums import summed
from vaekit.text.writing import Written, shortest, spelled, written

__all__ = [
    "Written",
    "bind",
    "build",
    "call",
    "parse",
    "shortest",
    "spelled",
    "summed",
    "value",
    "words",
    "written",
]
