"""The index engine: compiles an index to a plan and evaluates it, once or for many worlds.

``compile_index`` turns a spec into a frozen `Plan`: nodes in order and an ordered list of operations. ``evaluate`` follows the
plan over columns of areas; the index stage calls it once, the uncertainty stage for many draws at a time and from any step on.
``inputs`` and ``built`` gather the columns from the long tables; the
rest knows nothing of tables, and nothing here knows of files.
"""

from wardmote.engine.contribute import contributions
from wardmote.engine.evaluate import ALONE, Change, Evaluation, Surroundings, evaluate, stack, weights_of
from wardmote.engine.overrides import apply_overrides
from wardmote.engine.plan import Node, Operation, Plan, compile_index, resolve

__all__ = [
    "ALONE",
    "Change",
    "Evaluation",
    "Node",
    "Operation",
    "Plan",
    "Surroundings",
    "apply_overrides",
    "compile_index",
    "contributions",
    "evaluate",
    "resolve",
    "stack",
    "weights_of",
]
