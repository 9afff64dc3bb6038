"""Tables, figures and claims of the five papers, each a study with its page.

    vaekit reproduce --list
    vaekit reproduce isa/figures-8-to-16 --scale small --out reproduced

An item is a file's entry (`papers/PAPER.yaml`): rows, each a recipe with its settings and what the
paper publishes of it; the numbers to measure; claims on them; and scales, which say on what data,
with which networks, how long and with how many seeds.
"""

from vaekit.reproduce.items import SCALES, Item, catalogue, chosen_items, find_item
from vaekit.reproduce.make import reproduce

__all__ = ["SCALES", "Item", "catalogue", "chosen_items", "find_item", "reproduce"]
