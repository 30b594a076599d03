"""Aldmere, an invented county: everything in Wardmote runs on it, offline and in seconds, and its truths are known.

The county lies in the North Sea, so that nobody mistakes it for a real place; its names, codes and figures are made up. Since we
planted the truths (which areas are deprived, where communities lack places and ties, what residents care about), tests can ask
whether the methods find them again.
"""

from wardmote.toy.county import SEED, County, Truths, make_county
from wardmote.toy.draw import draw_table
from wardmote.toy.files import write_county

__all__ = ["SEED", "County", "Truths", "draw_table", "make_county", "write_county"]
