"""Which layout a source's files have: the catalogue's, adapted to what the study states, or the study's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from wardmote.errors import InputError, Problem, StudyError
from wardmote.sources import read as reading
from wardmote.sources.catalogue import Entry, Field, Layout, Link, Place
from wardmote.sources.fetch import RawFile
from wardmote.sources.mend import iso_period
from wardmote.sources.read import Sheet
from wardmote.study import SourceSpec


def layout_of(source: str, spec: SourceSpec) -> Layout:
    """Return the layout of a user's own file as the study states it.

    Args:
        source: The source's name in the study.
        spec: Its section.

    Raises:
        StudyError: What the kind of file needs is not stated.
    """
    where = f"sources.{source}"
    long = spec.layout == "long"
    problems = _spec_problems(where, spec, long)
    if problems:
        raise StudyError(problems)
    places = [Place(spec.level, spec.area, spec.name)]
    places += [Place(level, code, spec.parent_names.get(level, "")) for level, code in spec.parents.items()]
    links = tuple(Link(spec.level, level, weight=spec.weight) for level in spec.parents)
    classes = (
        [(column.indicator, header) for header, column in spec.columns.items()]
        if spec.kind == "classes"
        else []
    )
    if spec.kind == "classes" and spec.value_column:
        classes.append((source, spec.value_column))
    return Layout(
        places=tuple(places),
        links=links,
        fields=_fields(spec) if spec.kind in ("values", "priorities") else (),
        population=spec.population,
        households=spec.households,
        classes=tuple(classes),
        geometry=spec.kind == "boundaries",
        kind="priorities" if spec.kind == "priorities" else "values",
        indicator_column=spec.indicator_column if long else "",
        value_column=spec.value_column if long else "",
        period_column=spec.period_column,
        rows="pairs" if spec.kind == "memberships" else "one",
        sheet=spec.sheet,
        header=spec.header,
        totals=spec.totals,
        duplicates=spec.duplicates,
        other_levels=spec.other_levels,
        suppressed=tuple(spec.suppressed),
        period=spec.period,
        encoding=spec.encoding,
    )


def _fields(spec: SourceSpec) -> tuple[Field, ...]:
    """Return the columns of values that the study maps."""
    return tuple(
        Field(
            header,
            column.indicator,
            period=column.period,
            numerator=column.numerator,
            denominator=column.denominator,
            standard_error=column.standard_error,
            low=column.low,
            high=column.high,
        )
        for header, column in spec.columns.items()
    )


def _spec_problems(where: str, spec: SourceSpec, long: bool) -> list[Problem]:
    """Return what the section lacks for its kind."""
    problems = []
    if spec.kind in ("values", "priorities") and not spec.columns:
        problems.append(
            Problem(
                f"{where}, columns",
                "no column is mapped to an indicator",
                expected=f'[{where}.columns] with "HEADER" = {{ indicator = "…", direction = 1 }}',
            )
        )
    if long and not (spec.indicator_column and spec.value_column):
        problems.append(
            Problem(
                f"{where}, layout", "a long file needs `indicator_column` and `value_column`", expected="both"
            )
        )
    undated = [header for header, column in spec.columns.items() if not column.period]
    if spec.kind == "values" and undated and not (spec.period or spec.period_column):
        problems.append(
            Problem(
                f"{where}, period",
                "no period is stated for the values",
                got=", ".join(undated[:5]),
                expected="period, period_column, or a period for each column",
                remedy='State when the values are of, for instance period = "2021".',
            )
        )
    for header, text in (
        (f"{where}, period", spec.period),
        *((f"{where}.columns, “{h}”, period", c.period) for h, c in spec.columns.items()),
    ):
        if text and (told := iso_period(text)) != (text, ""):
            problems.append(
                Problem(
                    header,
                    "the period is not ISO 8601",
                    got=text,
                    expected=told[0] if told else "2021, 2021-03 or 2019/2021",
                )
            )
    if spec.kind == "memberships" and not spec.parents:
        problems.append(
            Problem(
                f"{where}, parents",
                "no column of parents is named",
                expected='parents = { LEVEL = "HEADER" }',
            )
        )
    if spec.kind == "classes" and not (spec.value_column or spec.columns):
        problems.append(
            Problem(f"{where}, value_column", "no column of classes is named", expected="value_column")
        )
    return problems


_OWN = (
    "kind",
    "level",
    "parents",
    "parent_names",
    "weight",
    "layout",
    "indicator_column",
    "value_column",
    "period_column",
    "period",
)
"""Settings that only a file of the user's own has."""


def wanted_indicators(source: str, spec: SourceSpec, entry: Entry | None) -> frozenset[str]:
    """Return the indicators that the study takes from a set; empty for all.

    Args:
        source: The source's name in the study.
        spec: Its section.
        entry: Its set of the catalogue, or None.

    Raises:
        StudyError: The set has no such indicator, or a setting has no effect on it.
    """
    if entry is not None and (
        idle := [name for name in _OWN if getattr(spec, name) not in ("", {}, "values", "wide")]
    ):
        raise StudyError(
            Problem(
                f"sources.{source}",
                f"a setting has no effect on an official set, whose layout is known ({spec.use})",
                got=", ".join(idle),
                remedy="Remove it, or read the file as your own, without `use`.",
            )
        )
    if entry is None or not spec.indicators:
        return frozenset(spec.indicators)
    known = {measure.indicator for measure in entry.measures}
    unknown = [name for name in spec.indicators if name not in known]
    if unknown:
        from difflib import get_close_matches

        raise StudyError(
            [
                Problem(
                    f"sources.{source}, indicators",
                    f"the set {spec.use} has no such indicator",
                    got=name,
                    expected=", ".join(
                        get_close_matches(name, sorted(known), n=3, cutoff=0.3) or sorted(known)
                    ),
                )
                for name in unknown
            ]
        )
    return frozenset(spec.indicators)


def sheets_of(
    source: str, spec: SourceSpec, entry: Entry | None, files: tuple[RawFile, ...], wanted: frozenset[str]
) -> Iterator[tuple[Layout, list[Sheet]]]:
    """Yield the layout and the sheets of each file.

    Args:
        source: The source's name in the study.
        spec: Its section.
        entry: Its set of the catalogue, or None.
        files: Its files.
        wanted: Indicators to take; empty for all.

    Raises:
        StudyError: The study maps columns that the set does not have.
        InputError: A file cannot be read, or no layout of the set fits it.
    """
    if entry is not None and files and files[0].form != "user":
        form = entry.form("mirror" if files[0].form == "mirror" else "publisher")
        known = form.files if form is not None else ()
        for raw, file in zip(files, known, strict=True):
            layout = _adapted(source, file.layout, spec, wanted)
            yield (
                layout,
                reading.read_sheets(raw.path, layout, file.reader, name=raw.path.name, member=file.member),
            )
        return
    for raw in files:
        name = spec.file or raw.path.name
        if entry is None:
            layout = _taken(layout_of(source, spec), wanted)
            kind = reading.reader_of(raw.path, shapes=layout.geometry)
            yield layout, reading.read_sheets(raw.path, layout, kind, name=name)
        else:
            yield _fitting(source, spec, entry, raw, wanted)


def _taken(layout: Layout, wanted: frozenset[str]) -> Layout:
    """Return the layout with only the wanted indicators; all where none is named."""
    if not wanted:
        return layout
    return replace(layout, fields=tuple(item for item in layout.fields if item.indicator in wanted))


def _adapted(source: str, layout: Layout, spec: SourceSpec, wanted: frozenset[str]) -> Layout:
    """Return a set's layout with what the study states otherwise."""
    layout = _taken(layout, wanted)
    fields = list(layout.fields)
    for header, column in spec.columns.items():
        hits = [place for place, item in enumerate(fields) if item.indicator == column.indicator]
        if not hits:
            raise StudyError(
                Problem(
                    f"sources.{source}.columns, “{header}”",
                    f"the set {spec.use} has no such indicator",
                    got=column.indicator,
                    remedy="Read further columns of the file as a source of your own, without `use`.",
                )
            )
        fields[hits[0]] = replace(fields[hits[0]], header=header)
    first = layout.places[0]
    if spec.area or spec.name:
        first = replace(first, code=spec.area or first.code, name=spec.name or first.name)
    return replace(
        layout,
        places=(first, *layout.places[1:]),
        fields=tuple(fields),
        population=spec.population or layout.population,
        households=spec.households or layout.households,
        sheet=spec.sheet or layout.sheet,
        header=spec.header or layout.header,
        totals=spec.totals if spec.totals != "refuse" else layout.totals,
        duplicates=spec.duplicates if spec.duplicates != "refuse" else layout.duplicates,
        other_levels=spec.other_levels if spec.other_levels != "refuse" else layout.other_levels,
        suppressed=tuple(spec.suppressed) or layout.suppressed,
        encoding=spec.encoding or layout.encoding,
    )


def _fitting(
    source: str, spec: SourceSpec, entry: Entry, raw: RawFile, wanted: frozenset[str]
) -> tuple[Layout, list[Sheet]]:
    """Return the layout of a set that fits the user's file, and its sheets; the errors of the nearest one where none fits."""
    name = spec.file or raw.path.name
    candidates: list[tuple[Layout, str]] = [(layout, "") for layout in entry.layouts]
    candidates += [(file.layout, file.member) for form in entry.forms for file in form.files]
    errors: list[InputError] = []
    seen: list[Layout] = []
    for candidate, member in candidates:
        layout = _adapted(source, candidate, spec, wanted)
        if layout in seen:
            continue
        seen.append(layout)
        try:
            kind = reading.reader_of(raw.path, shapes=layout.geometry)
            return layout, reading.read_sheets(raw.path, layout, kind, name=name, member=member)
        except InputError as error:
            errors.append(error)
    raise min(errors, key=lambda error: len(error.problems))
