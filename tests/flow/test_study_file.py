"""What `study.toml` may say, and what is checked before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from wardmote.errors import StudyError
from wardmote.soundness import compile_all
from wardmote.study import parse_study

HEAD = '[study]\nid = "s"\ntitle = "S"\n'
RECIPE = """
[index]
title = "Of the recipe"
level = "patch"
tree = [{ node = "top" }, { node = "x", parent = "top", direction = 1 }, { node = "y", parent = "top", direction = 1 }]
steps = [{ id = "up", do = "aggregate", on = "root", method = "arithmetic" }]
[index.summarise]
levels = ["town"]
measures = ["average score"]
population = "households"
[index.similar]
on = "leaves"
count = 3
"""


def test_a_study_overrides_the_tables_of_a_recipe_key_by_key(tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(RECIPE, encoding="utf-8")
    text = f"""{HEAD}
[index.i]
recipe = "own.toml"
title = "Of the study"
tree = [{{ node = "top" }}, {{ node = "x", parent = "top", direction = 1 }}]
[index.i.summarise]
levels = ["region"]
"""
    index = parse_study(text, tmp_path / "study.toml").index["i"]
    assert index.title == "Of the study"
    assert [node.node for node in index.tree] == ["top", "x"]  # lists are ordered wholes: the study's stands
    assert [step.id for step in index.steps] == ["up"]
    assert index.summarise.levels == ["region"]
    assert (index.summarise.measures, index.summarise.population) == (["average score"], "households")
    assert index.similar.count == 3


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ('[sources.a]\nfile = "a.csv"\nlevel = "X"\narea = "c"\n', "sources.a.level"),
        (
            '[sources.a]\nfile = "a.csv"\nlevel = "lad24"\narea = "c"\nkind = "memberships"\nparents = { X = "p" }\n',
            "sources.a.parents",
        ),
        ('[areas]\nwithin = [["lsoa21", "X"]]\n', "areas.within"),
        ('[areas]\nonly = { X = ["E"] }\n', "areas.only"),
        (
            '[conversion.c]\nindicators = ["a"]\nfrom = "lsoa21"\nto = "X"\nby = "nested"\nmeasure = "sum"\n',
            "conversion.c.to",
        ),
        ('[index.i]\nlevel = "X"\ntree = [{ node = "top" }]\n', "index.i.level"),
    ],
)
def test_an_unknown_level_is_told_wherever_it_stands(text: str, where: str) -> None:
    text = text.replace('"X"', '"lsoa22"').replace(" X ", " lsoa22 ")
    with pytest.raises(
        StudyError, match=rf"study\.toml, {where}: no such level\. Got lsoa22; expected lsoa21"
    ):
        compile_all(parse_study(HEAD + text))
