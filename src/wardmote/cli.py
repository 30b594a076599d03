"""The command line: a thin dress over `wardmote.pipeline`, `wardmote.explain` and `wardmote.publish`.

Results go to standard output, as sentences or with ``--json`` as one JSON object; progress, remarks and errors go to standard error.
Nothing heavy is imported before it is needed: ``wardmote --help`` and a run with nothing to do answer at once.
"""

from __future__ import annotations

import json
import math
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from wardmote.errors import DEFECT_EXIT_CODE, MissingError, Problem, StudyError, WardmoteError, exit_code

if TYPE_CHECKING:
    from wardmote.explain import AreaExplanation, TableExplanation
    from wardmote.pipeline import RunReport

app = typer.Typer(
    name="wardmote",
    help="Neighbourhood evidence that anyone can check: where need is greatest, and why there.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

StudyOption = Annotated[
    Path, typer.Option("--study", metavar="DIR", help="Folder of the study, with study.toml.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of sentences.")]
QuietOption = Annotated[
    bool, typer.Option("--quiet", help="Print no progress and no sentences, only errors (and JSON).")
]
MirrorOption = Annotated[
    Path | None,
    typer.Option(
        "--mirror",
        metavar="DIR",
        envvar="WARDMOTE_MIRROR",
        help="Folder with copies of official sets, read instead of the publishers' sites.",
    ),
]
WAIT = 60.0
"""Seconds that a verb waits for another run: `wardmote.workspace.WAIT_SECONDS`, written out so that ``--help`` need not import it."""

WaitOption = Annotated[
    float, typer.Option("--wait", metavar="SECONDS", min=0, help="How long to wait for another run.")
]


INTERRUPTED = exit_code(KeyboardInterrupt())
"""Exit code after Ctrl-C."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with the code that `wardmote.errors` gives.

    Args:
        arguments: The words after ``wardmote``; those of the process by default.
    """
    words = sys.argv[1:] if arguments is None else arguments
    try:
        code = app(args=words, prog_name="wardmote", standalone_mode=False)
    except WardmoteError as error:
        _tell_error(error, words)
        code = exit_code(error)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BrokenPipeError:
        # Whoever read our output (`| head`) has closed it; nothing is wrong. Python would complain while closing.
        sys.stderr.close()
        code = 0
    except Exception as error:
        code = _tell_usage(error, words) if hasattr(error, "show") else _tell_defect(error, words)
    if code == INTERRUPTED:  # newer releases of typer return it, older ones raise
        _say("Stopped. What was finished stands; the next run goes on from there.")
    sys.exit(code if isinstance(code, int) else 0)


def _tell_error(error: WardmoteError, words: list[str]) -> None:
    """Print each problem on a line of standard error, and with --json the same as one object on standard output."""
    for problem in error.problems:
        print(problem, file=sys.stderr)
    if "--json" in words:
        problems = [
            {name: getattr(problem, name) for name in ("where", "what", "got", "expected", "remedy")}
            for problem in error.problems
        ]
        _print_json({"error": type(error).__name__, "exit_code": exit_code(error), "problems": problems})


def _tell_usage(error: Any, words: list[str]) -> int:
    """Print what is wrong with the command itself (an unknown verb or option), and return its exit code."""
    error.show()
    if "--json" in words:
        problem = {
            "where": "wardmote",
            "what": error.format_message(),
            "got": "",
            "expected": "",
            "remedy": "",
        }
        _print_json({"error": "UsageError", "exit_code": error.exit_code, "problems": [problem]})
    return int(error.exit_code)


def _tell_defect(error: Exception, words: list[str]) -> int:
    """Tell a defect of ours in a sentence, put the details where they can be sent from, and return exit code 70."""
    details = "".join(traceback.format_exception(error))
    log = _study_of(words) / "out" / "crash.log"
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(f"wardmote {' '.join(words)}\n\n{details}", encoding="utf-8")
        where = f"The details are in {log}; please report this and send them."
    except OSError:
        where = f"Please report this with the details:\n{details}"
    told = f"{type(error).__name__}: {error}"
    print(f"Wardmote failed in a way that we did not foresee ({told}). {where}", file=sys.stderr)
    if "--json" in words:
        problem = {"where": "wardmote", "what": told, "got": "", "expected": "", "remedy": where}
        _print_json({"error": "defect", "exit_code": DEFECT_EXIT_CODE, "problems": [problem]})
    return DEFECT_EXIT_CODE


def _study_of(words: list[str]) -> Path:
    """Return the folder that --study names among the words, as far as that can be seen."""
    for position, word in enumerate(words):
        if word.startswith("--study="):
            return Path(word.partition("=")[2])
        if word == "--study" and position + 1 < len(words):
            return Path(words[position + 1])
    return Path()


def _print_json(value: dict[str, Any]) -> None:
    """Print one JSON object; numbers that are not finite become null, since JSON has none."""
    print(json.dumps(_finite(value), ensure_ascii=False, indent=2))


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return value


def _say(text: str) -> None:
    """Print a remark on standard error, apart from results."""
    print(text, file=sys.stderr)


@contextmanager
def _progress(quiet: bool, unit: Literal["tasks", "bytes"] = "tasks") -> Iterator[Any]:
    """Give a function that shows progress on standard error, or None where nobody would see it.

    Args:
        quiet: Show nothing.
        unit: What is counted: tasks (one bar) or bytes (one bar a file).
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, MofNCompleteColumn, Progress, TextColumn

    counter = DownloadColumn() if unit == "bytes" else MofNCompleteColumn()
    columns = (TextColumn("{task.description:<28}"), BarColumn(), counter)
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        known: dict[str, Any] = {}

        def show(what: str, done: int, total: int | None) -> None:
            key = what if unit == "bytes" else ""
            if key not in known:
                known[key] = bars.add_task(what, total=total)
            bars.update(known[key], completed=done, total=total, description=what)

        yield show


# ---- verbs


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if version:
        from importlib.metadata import version as installed

        print(f"wardmote {installed('wardmote')}")
        raise typer.Exit


@app.command()
def demo(
    *,
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to put it.")] = Path("wardmote-demo"),
    json_: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write the invented county, run it, and publish its page: everything offline, in seconds."""
    from wardmote.pipeline import run as run_study

    _write_demo(folder)
    with _progress(quiet) as progress:
        report = run_study(folder, progress=progress, say=_say)
    published = _publish(folder, ("site",))
    if json_:
        _print_json({**report.as_dict(), "published": published})
    elif not quiet:
        _print_run(replace(report, findings=_demo_story(folder)))
        print(f"\nThe study lies in {folder}; its settings are in {folder / 'study.toml'}.")
        print(f"Open the page: {Path(published['site']).resolve()}")


def _demo_story(folder: Path) -> tuple[str, ...]:
    """Return what the demo found, in a dozen sentences; all findings stand in the table `findings` and on the pages."""
    from wardmote.toy.story import tell_story
    from wardmote.workspace import Workspace

    tables = Workspace(folder)
    return tell_story(tables.read("findings"), tables.read("impacts"))


def _write_demo(folder: Path) -> None:
    """Write the invented county where it is not there yet; files that are there stay as they are.

    Raises:
        StudyError: Another study stands there.
    """
    import tempfile

    from wardmote.pipeline import is_complete
    from wardmote.workspace import Workspace

    study = folder / "study.toml"
    if study.is_file() and 'id = "aldmere"' not in study.read_text(encoding="utf-8"):
        raise StudyError(
            Problem(
                str(folder), "another study stands there", remedy="Name another folder: wardmote demo DIR."
            )
        )
    if is_complete(Workspace(folder)):
        return
    from wardmote.toy import write_county

    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".writing-") as beside:
        write_county(Path(beside))
        for file in sorted(Path(beside).rglob("*"), key=lambda path: path.name == "study.toml"):
            here = folder / file.relative_to(beside)
            if file.is_dir():
                here.mkdir(exist_ok=True)
            elif not here.exists():
                file.replace(here)


@app.command()
def new(
    *,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of the new study.")],
    json_: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Start a study: a commented study.toml and a small file of invented figures to replace by your own."""
    starter = Path(__file__).parent / "starter"
    files = ("figures.csv", "study.toml")
    there = [name for name in files if (folder / name).exists()]
    if there:
        raise StudyError(
            Problem(
                str(folder / name),
                "the file is there already and is not replaced",
                remedy="Name another folder.",
            )
            for name in there
        )
    folder.mkdir(parents=True, exist_ok=True)
    for name in files:
        (folder / name).write_bytes((starter / name).read_bytes())
    if json_:
        _print_json({"study": str(folder / "study.toml"), "files": [str(folder / name) for name in files]})
    elif not quiet:
        print(f"A study stands in {folder / 'study.toml'}. It runs as it is: wardmote run --study {folder}")
        print(
            "Then put your own figures in the place of figures.csv, and edit the lines that name its columns."
        )


@app.command()
def get(
    *,
    study: StudyOption = Path(),
    mirror: MirrorOption = None,
    wait: WaitOption = WAIT,
    json_: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Fetch the official sets that the study names, from their publishers or from a mirror."""
    from wardmote.pipeline import get as get_sources

    with _progress(quiet, "bytes") as progress:
        report = get_sources(study, mirror=mirror, progress=progress, wait=wait, say=_say)
    if json_:
        _print_json(report.as_dict())
    elif not quiet:
        for source, files in report.files.items():
            did = "fetched" if source in report.fetched else "at hand"
            for file in files:
                print(f"{source}: {did}, {file['path']} (SHA-256 {file['sha256'][:16]}…)")


@app.command()
def check(
    *,
    study: StudyOption = Path(),
    mirror: MirrorOption = None,
    json_: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Check the study, its files and its tables, and tell all problems at once. Makes no table."""
    from wardmote.pipeline import check as check_study

    with _progress(quiet) as progress:
        report = check_study(study, mirror=mirror, progress=progress)
    if json_:
        _print_json(report.as_dict())
    elif not quiet:
        for sentence in report.sentences:
            print(sentence)


@app.command()
def run(
    *,
    stages: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[STAGE]...", help="Stages to bring up to date, with what they stand on; all by default."
        ),
    ] = None,
    study: StudyOption = Path(),
    mirror: MirrorOption = None,
    wait: WaitOption = WAIT,
    json_: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Bring all tables up to date and tell the findings. What is current is skipped."""
    from wardmote.pipeline import run as run_study

    with _progress(quiet) as progress:
        report = run_study(study, stages, mirror=mirror, progress=progress, wait=wait, say=_say)
    if json_:
        _print_json(report.as_dict())
    elif not quiet:
        _print_run(report)


def _print_run(report: RunReport) -> None:
    for sentence in report.mended:
        print(sentence)
    for sentence in report.findings:
        print(sentence)
    if report.findings:
        print()
    if report.done:
        print(
            f"Ran {len(report.done)} of {len(report.done) + len(report.skipped)} tasks in {report.seconds:.1f} s:"
            f" {', '.join(task.task for task in report.done)}."
        )
    else:
        print(f"Nothing to do: all {len(report.skipped)} tasks are current.")


@app.command()
def status(
    *,
    study: StudyOption = Path(),
    mirror: MirrorOption = None,
    json_: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Tell what is current, what a run would do, and why. Writes nothing."""
    from wardmote.pipeline import status as study_status

    report = study_status(study, mirror=mirror)
    if json_:
        _print_json(report.as_dict())
    elif not quiet:
        for task in report.tasks:
            print(f"{task.state:<8} {task.task}" + (f": {'; '.join(task.reasons)}" if task.reasons else ""))


@app.command()
def explain(
    *,
    area: Annotated[str, typer.Argument(metavar="[AREA]", help="Code or exact name of an area.")] = "",
    table: Annotated[str, typer.Option("--table", metavar="NAME", help="Explain a table instead.")] = "",
    level: Annotated[
        str, typer.Option("--level", help="The area's level, where its code stands at several.")
    ] = "",
    study: StudyOption = Path(),
    json_: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Tell why an area has its score and rank, or how a table came about: contributions, sources, licences, choices."""
    from wardmote.explain import explain_area, explain_table

    if bool(area) == bool(table):
        raise StudyError(
            Problem(
                "wardmote explain",
                "one thing can be explained at a time",
                got=f"area {area} and table {table}" if area else "neither an area nor a table",
                remedy="Give an area, or a table with --table NAME.",
            )
        )
    if table:
        explained = explain_table(study, table)
        if json_:
            _print_json(explained.as_dict())
        elif not quiet:
            _print_table(explained)
        return
    areas = explain_area(study, area, level)
    if json_:
        _print_json({"areas": [item.as_dict() for item in areas]})
    elif not quiet:
        for item in areas:
            _print_area(item)


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else f"{value:,.{digits}f}"


def _print_area(area: AreaExplanation) -> None:
    """Print an area's explanation: findings first, then the tree with contributions, then choices and sources."""
    people = "" if area.population is None else f", {area.population:,.0f} people"
    print(f"{area.name or area.area} ({area.area}, {area.level}{people})")
    for parent in area.parents:
        share = "" if parent.weight in (None, 1.0) else f", {parent.weight:.0%} of it"
        print(f"  lies in {parent.name or parent.area} ({parent.area}, {parent.level}{share})")
    for need in area.needs:
        print(f"\n{need.definition}: {need.sentence}")
    _print_fundings(area)
    for index in area.indices:
        print(f"\n{index.sentence}")
        for sentence in index.beside:
            print(f"  {sentence}")
        for sentence in index.how_sure:
            print(f"  {sentence}")
        _print_nodes(index)
        for summary in index.summaries:
            rank = "" if summary.rank is None else f", rank {summary.rank:,}"
            weighed = f" (weighed by {summary.weighted_by})" if summary.weighted_by else ""
            print(f"  {summary.node}, {summary.measure}: {_number(summary.value)}{rank}{weighed}")
        print(f"  Choices (as of {index.made}):")
        for choice in index.choices:
            print(f"    {choice}")
    unknown = [index.index for index in area.indices if not index.how_sure]
    if unknown:
        which = f" of {', '.join(unknown)}" if len(unknown) < len(area.indices) else ""
        print(
            f"\nNo interval is available for these scores and ranks{which}: their uncertainty has not been computed."
        )
    print("\nSources:")
    for note in area.sources:
        told = ", ".join(part for part in (note.publisher, note.title, note.vintage) if part)
        print(
            f"  {note.source}: {told or 'no title'}. Licence: {note.licence or 'not stated'} ({note.access})."
        )
        print(
            f"    {note.address} {f'fetched {note.retrieved}' if note.retrieved else ''} SHA-256 {note.sha256[:16]}…"
        )


def _print_fundings(area: AreaExplanation) -> None:
    """Print what funding rounds decided on an area, why, what would turn it, and who decides."""
    for funding in area.fundings:
        of = "" if funding.area == area.area else f", on {funding.name or funding.area}"
        print(f"\n{funding.title}{of}: {funding.sentence}")
        for said in (funding.flip, funding.how_firm, funding.standing):
            if said:
                print(f"  {said}")
        print(f"  Who decides, and whom to ask: {funding.contact or 'the study does not say.'}")


def _print_nodes(index: Any) -> None:
    """Print the tree of an index with what each node adds."""
    if not index.nodes:
        return
    from rich.console import Console
    from rich.table import Table

    grid = Table(box=None, pad_edge=False)
    grid.add_column("node", overflow="fold")
    for name in ("weight", "value", "unit", "score", "rank", "contribution", "source", "period"):
        numeric = name not in ("unit", "source", "period")
        grid.add_column(name, justify="right" if numeric else "left", no_wrap=numeric)
    for node in index.nodes:
        grid.add_row(
            "  " * (node.depth + 1) + (node.title or node.node),
            _number(node.weight),
            _number(node.value),
            node.unit,
            _number(node.score),
            "–" if node.rank is None else f"{node.rank:,}",
            _number(node.contribution),
            node.source + (" (modelled)" if node.modelled else ""),
            node.period,
        )
    # Files and pipes have no width: leave room for long titles.
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False, markup=False)
    console.print(grid)
    for node in index.nodes:
        for change in node.changed:
            print(f"    {node.title or node.node}: {change}")
        if node.status not in ("used", ""):
            print(f"    {node.title or node.node}: {node.status}.")


def _print_table(explained: TableExplanation) -> None:
    """Print how a table came about."""
    print(f"{explained.table}: {explained.meaning} Key: {', '.join(explained.key)}. {explained.rows:,} rows.")
    if explained.sensitive:
        print("It speaks of persons: nothing further is told, and it is never published.")
        return
    for part in explained.parts:
        print(
            f"\n{part.file}: {part.rows:,} rows, made by {part.task} on {part.made} in {part.seconds:.2f} s"
        )
        print(f"  SHA-256 {part.sha256}")
        if part.inputs:
            print(f"  from {', '.join(part.inputs)}")
        print(f"  sources {', '.join(part.sources) or 'none'}; access {part.access}")
        print(f"  {part.refused or 'It may be published.'}")
        print(f"  versions {part.versions}; seed {'none' if part.seed is None else part.seed}")
        print(f"  settings {json.dumps(part.spec, ensure_ascii=False)}")
    print(f"\nThe way from raw files: {' → '.join(explained.ancestry)}")
    for raw in explained.raw:
        print(
            f"  {raw.source}: {raw.path} ({raw.form}), SHA-256 {raw.sha256[:16]}…, {raw.licence or 'no licence stated'} ({raw.access})"
        )


@app.command()
def publish(
    *,
    what: Annotated[
        Literal["site", "data", "report"] | None,
        typer.Argument(
            metavar="[site|data|report]",
            help="The site, the data package or the PDF; site and data by default.",
        ),
    ] = None,
    place: Annotated[
        str,
        typer.Option(
            "--place",
            metavar="CODE",
            help="With report: the two-page profile of one place; LEVEL/CODE where levels share a code.",
        ),
    ] = "",
    study: StudyOption = Path(),
    wait: WaitOption = WAIT,
    json_: JsonOption = False,
    quiet: QuietOption = False,
) -> None:
    """Write the site and the data package from the tables as they stand, or the report as PDF."""
    if place and what != "report":
        raise StudyError(
            Problem(
                "--place",
                "only the report is made for one place",
                got=f"publish {what or ''}".strip() + f" --place {place}",
                expected="publish report --place CODE",
                remedy="The site holds a profile of every place.",
            )
        )
    published = _publish(study, (what,) if what else ("site", "data"), wait, place)
    if json_:
        _print_json(published)
    elif not quiet:
        for name, path in published.items():
            print(f"{PUBLISHED[name]} lies at {path}")


PUBLISHED = {"site": "The page", "data": "The data package", "report": "The report"}
"""What can be published, in words."""


def _publish(folder: Path, what: tuple[str, ...], wait: float = WAIT, place: str = "") -> dict[str, str]:
    """Publish from the tables as they stand; return where by what."""
    from wardmote.pipeline import is_complete
    from wardmote.publish import publish_data, publish_report, publish_site
    from wardmote.study import read_study
    from wardmote.workspace import Workspace

    study = read_study(folder)
    workspace = Workspace(folder)
    workspace.must_have("areas")
    if not is_complete(workspace):
        _say(
            "The study changed since its last complete run; this publishes what stands. Run `wardmote run` to renew it."
        )
    if not study.publish.contact.strip():
        _say("Nobody is named who decides: pages say so. Set `contact` under [publish] in study.toml.")
    makers: dict[str, Callable[[], Path]] = {
        "site": lambda: publish_site(workspace, study, workspace.site, say=_say),
        "data": lambda: publish_data(workspace, study, workspace.data_package),
        "report": lambda: publish_report(workspace, study, workspace.out / "report", place=place),
    }
    with workspace.lock(wait, _say):
        return {name: str(makers[name]()) for name in what}


@app.command()
def serve(
    *,
    study: StudyOption = Path(),
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port; 0 for any free one.")] = 8000,
    quiet: QuietOption = False,
) -> None:
    """Show the published page in a browser on this computer alone, until you press Ctrl-C."""
    from wardmote.publish.serve import make_server
    from wardmote.workspace import Workspace

    try:
        server = make_server(Workspace(study).site, port)
    except OSError as error:
        raise MissingError(
            Problem(
                f"port {port}",
                "it cannot be used",
                got=str(error),
                remedy="Name another with --port, or --port 0.",
            )
        ) from None
    if not quiet:
        print(f"The page is at http://127.0.0.1:{server.server_port}/ (Ctrl-C ends).", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        return
    finally:
        server.server_close()


# ---- the reference page


def reference_page() -> str:
    """Return ``docs/reference/cli.md``: every verb with its arguments and options, read from the program itself."""
    root: Any = typer.main.get_command(app)
    lines = [
        "# Command line",
        "",
        "`wardmote VERB …`. Results go to standard output, as sentences or with `--json` as one JSON object; progress and errors go to",
        "standard error. Exit codes: see [errors](errors.md). `python -m wardmote` is the same.",
        "",
        f"`wardmote --version`: {_help_of(root.params, 'version')}",
        "",
    ]
    for name, command in root.commands.items():
        words = [_shown(parameter) for parameter in command.params if parameter.param_type_name == "argument"]
        lines += [f"## wardmote {' '.join([name, *words])}", "", command.help.strip(), ""]
        lines += ["| | meaning | default |", "|---|---|---|"]
        for parameter in command.params:
            lines.append(f"| `{_shown(parameter)}` | {parameter.help or ''} | {_default(parameter)} |")
        lines.append("")
    return "\n".join(lines)


def _help_of(parameters: Any, name: str) -> str:
    return next(str(parameter.help) for parameter in parameters if parameter.name == name)


def _shown(parameter: Any) -> str:
    """Return an argument or option as it is typed; bars are escaped for the Markdown table elsewhere."""
    if parameter.param_type_name == "argument":
        shown: str = parameter.metavar or parameter.name.upper()
        return shown.replace("|", " or ")
    value = "" if parameter.is_flag else f" {parameter.metavar or parameter.name.upper()}"
    return f"{parameter.opts[0]}{value}"


def _default(parameter: Any) -> str:
    """Return a default as it stands in the table; the environment's name where it has one."""
    if parameter.envvar:
        return f"`${parameter.envvar}`"
    value = parameter.default
    return "" if value in (None, False, "") or callable(value) else f"`{value}`"
