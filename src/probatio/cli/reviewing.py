"""`probatio review`: the round trip by workbook, the decisions taken, where the review stands."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from probatio.protocol import Language
    from probatio.review.opening import OpenReview

review = typer.Typer(help="Human review of the values that a queue names: by workbook or by page.")

ProtocolPath = Annotated[Path, typer.Argument(help="The study's protocol, such as protocol/demo.yaml.")]
Reader = Annotated[str, typer.Option(help="Who decides: always the same name, a pseudonym if need be.")]
RunPath = Annotated[
    Path | None, typer.Option(help="The run whose queue is reviewed; not needed once the review is open.")
]
Added = Annotated[bool, typer.Option("--add", help="Put the run's new cases behind those under review.")]


@review.command("export")
def export_cases(
    protocol: ProtocolPath,
    workbook: Annotated[Path, typer.Argument(help="The workbook to write, such as review_anne.xlsx.")],
    *,
    run: RunPath = None,
    reader: Reader = "",
    first: Annotated[int | None, typer.Option(min=1, help="How many cases at most.")] = None,
    add: Added = False,
    again: Annotated[bool, typer.Option("--again", help="Also cases that others have in a workbook.")] = False,
    language: Annotated[str, typer.Option(help="fr or en; the study's if not given.")] = "",
) -> None:
    """Write the cases that await a reader into a workbook, to be filled in with Excel or LibreOffice."""
    from probatio.protocol import UserError, read_protocol  # noqa: PLC0415
    from probatio.review.lending import lend_cases  # noqa: PLC0415

    if workbook.suffix.lower() != ".xlsx":
        raise UserError(f"{workbook}: a workbook's name ends with .xlsx; name it so.")
    if workbook.exists():
        raise UserError(f"{workbook}: it exists and may hold decisions; name another file, or remove it.")
    opened = open_declared(protocol, run, who=reader, add=add)
    spoken = check_language(language or read_protocol(protocol).language)
    made, content = lend_cases(opened, reader, language=spoken, first=first, again=again)
    _write(workbook, content)
    typer.echo(f"{workbook}: {len(made.loans)} cases{f' for {reader}' if reader else ''}. Confidential.")


@review.command("import")
def import_cases(
    protocol: ProtocolPath,
    workbook: Annotated[Path, typer.Argument(help="The workbook that came back.")],
    reader: Reader = "",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check it, and take nothing over.")] = False,
) -> None:
    """Take the decisions of a filled workbook over: all of them, or none with the reasons."""
    from probatio.review.importing import import_workbook  # noqa: PLC0415

    done = import_workbook(workbook, open_declared(protocol), reader=reader, dry_run=dry_run)
    verb = "would be taken over" if dry_run else "taken over"
    typer.echo(
        f"{workbook}: {done.taken} decisions of {done.reader} {verb}, {done.known} known, {done.blank} rows blank."
    )


@review.command()
def serve(
    context: typer.Context,
    protocol: ProtocolPath,
    *,
    run: RunPath = None,
    host: Annotated[
        str, typer.Option(help="The address to listen on; beyond this machine a token is asked.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes any free one.")] = 8765,
    token: Annotated[
        str, typer.Option(envvar="PROBATIO_TOKEN", help="What visitors must show; made and printed where needed.")
    ] = "",
    name: Annotated[list[str] | None, typer.Option(help="A further host name, such as that of a proxy.")] = None,
    reader: Annotated[list[str] | None, typer.Option(help="Who may read, by name; anybody if not given.")] = None,
    add: Added = False,
    again: Annotated[bool, typer.Option("--again", help="Also cases that others have in a workbook.")] = False,
    language: Annotated[str, typer.Option(help="fr or en; the study's if not given.")] = "",
) -> None:
    """Show the cases one by one in a browser, on this machine alone unless told otherwise."""
    from probatio.cli.serving import serve_page  # noqa: PLC0415
    from probatio.review.page.serving import choose_address  # noqa: PLC0415

    address = choose_address(host, port, token, name or [])
    serve_page(protocol, run, address, readers=reader or [], language=language, add=add, lent=again,
               debug=bool(context.obj))  # fmt: skip


@review.command("decisions")
def write_table(protocol: ProtocolPath) -> None:
    """Write the table of decisions that the source after review is made of."""
    from probatio.review.deciding import write_decisions  # noqa: PLC0415
    from probatio.review.standing import derive_standing  # noqa: PLC0415

    opened = open_declared(protocol)
    path = write_decisions(opened)
    standing = derive_standing(opened.circuit)
    typer.echo(f"{path}: {standing.decisions} decisions, {standing.read} of {standing.cases} cases done. Confidential.")


@review.command("status")
def show_status(protocol: ProtocolPath) -> None:
    """Say where the review stands: counts of cases, readers, minutes."""
    from probatio.cli.showing import make_console, show_table  # noqa: PLC0415
    from probatio.review.standing import derive_standing, list_readers  # noqa: PLC0415

    opened = open_declared(protocol)
    standing = derive_standing(opened.circuit)
    console = make_console()
    names = {name: name.replace("_", " ") for name in vars(standing)}
    show_table(console, ["", opened.source], [[names[name], value] for name, value in vars(standing).items()])
    if readers := [list(each) for each in list_readers(opened.circuit)]:
        console.print("")
        show_table(console, ["reader", "decisions", "adjudications", "minutes"], readers)


def open_declared(path: Path, run: Path | None = None, *, who: str = "", add: bool = False) -> OpenReview:
    """Return the review that a protocol declares, opened with the queue of a run where one is named.

    Raises:
        UserError: there is no review to open, or its files are damaged.
    """
    from probatio.compendium.opening import find_data_root  # noqa: PLC0415
    from probatio.protocol import UserError, read_protocol  # noqa: PLC0415
    from probatio.provenance import RunFolder  # noqa: PLC0415
    from probatio.records import read_records, read_texts  # noqa: PLC0415
    from probatio.review.opening import get_declared_review, open_review, read_review, read_run_queue  # noqa: PLC0415

    protocol = read_protocol(path)
    source = get_declared_review(protocol).source
    root = find_data_root(path, protocol)
    if add and run is None:
        raise UserError("--add: say whose new cases; give --run.")
    if run is not None:
        queue = read_run_queue(RunFolder(run).confidential, source)
        if new := open_review(protocol, root, queue, who=who, add=add):
            typer.echo(f"the run's queue holds {new} cases that are not under review; --add takes them up.")
    # Without sources after review: their table of decisions need not be there before the review has begun.
    delivered = [each for each in protocol.sources if each.reviewed is None]
    records = read_records(protocol.model_copy(update={"sources": delivered}), root)
    return read_review(protocol, root, records, read_texts(protocol, root))


def check_language(word: str) -> Language:
    """Return a language; raises UserError where it is none."""
    from probatio.protocol import UserError  # noqa: PLC0415

    if word == "fr":
        return "fr"
    if word == "en":
        return "en"
    raise UserError(f"--language: {word} is neither fr nor en; write one of them.")


def _write(path: Path, content: bytes) -> None:
    from probatio.protocol import UserError  # noqa: PLC0415
    from probatio.results import write_bytes  # noqa: PLC0415

    try:
        write_bytes(path, content)
    except (NotADirectoryError, IsADirectoryError, PermissionError, FileExistsError) as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}); name another file.") from None
