"""The commands; each imports what it needs when it is called, so that --help is quick."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

import probatio
from probatio.cli.reviewing import review

app = typer.Typer(
    name="probatio",
    help="Decides, with evidence, whether AI-extracted oncology data may be used.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
data = typer.Typer(help="The public data of the bundled studies.")
app.add_typer(data, name="data")
app.add_typer(review, name="review")
audit = typer.Typer(help="The log of what reviewers were shown and decided.")
app.add_typer(audit, name="audit")

ProtocolPath = Annotated[Path, typer.Argument(help="The study's protocol, such as protocol/lung.yaml.")]
RunPath = Annotated[Path, typer.Argument(help="The folder of a run, such as runs/lung.")]
Workers = Annotated[int, typer.Option(min=1, help="How many notebooks run at once; no number depends on it.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"probatio {probatio.__version__}")
        raise typer.Exit


@app.callback()
def _begin(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print it.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
) -> None:
    """Decides, with evidence, whether AI-extracted oncology data may be used."""


@app.command()
def init(
    protocol: Annotated[Path, typer.Argument(help="The protocol to write, such as protocol/mine.yaml.")],
    *,
    manual: Annotated[list[Path] | None, typer.Option(help="File of the manual collection.")] = None,
    ai: Annotated[list[Path] | None, typer.Option(help="File of a technology; once for each.")] = None,
    reference: Annotated[list[Path] | None, typer.Option(help="File of the reference.")] = None,
    patient: Annotated[str | None, typer.Option(help="Column of the patient's pseudonym; found if not given.")] = None,
) -> None:
    """Draft a protocol from your files: CSV, Excel or Parquet with a row per patient."""
    from probatio.cli.drafting import show_draft  # noqa: PLC0415

    show_draft(protocol, manual=manual or [], ai=ai or [], reference=reference or [], patient=patient)


@app.command()
def check(protocol: ProtocolPath) -> None:
    """Validate a protocol and its data without running anything."""
    from probatio.cli.checking import show_check  # noqa: PLC0415

    show_check(protocol)


@app.command()
def anchor(
    protocol: ProtocolPath,
    stamp: Annotated[Path | None, typer.Option(help="A time-stamping authority's answer (.tsr), to keep.")] = None,
    root: Annotated[Path | None, typer.Option(help="That authority's root certificate (PEM or DER).")] = None,
    deposit: Annotated[Path | None, typer.Option(help="A YAML file: registry, address, date, digest.")] = None,
) -> None:
    """Prove when a protocol existed: write the request for a time stamp, or keep its answer. Nothing is sent."""
    from probatio.cli.anchoring import anchor_protocol  # noqa: PLC0415

    anchor_protocol(protocol, stamp=stamp, root=root, deposit=deposit)


@app.command()
def run(
    protocol: ProtocolPath,
    *,
    run: Annotated[Path | None, typer.Option(help="Where to keep the run; runs/<study> if not given.")] = None,
    data: Annotated[Path | None, typer.Option(help="The folder of the data, if not where the protocol says.")] = None,
    workers: Workers = 2,
    parameter: Annotated[
        list[str] | None, typer.Option("--parameter", "-p", help="name=value, for a notebook.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Run every notebook, fresh or not.")] = False,
) -> None:
    """Run a study: every notebook whose inputs have changed."""
    from probatio.cli.running import run_protocol  # noqa: PLC0415

    run_protocol(protocol, run, data=data, workers=workers, words=parameter or [], force=force)


@app.command()
def amend(protocol: ProtocolPath) -> None:
    """Keep the protocol as it stands, by its digest, and print the amendment to be written."""
    from probatio.cli.amending import keep_for_amendment  # noqa: PLC0415

    keep_for_amendment(protocol)


@app.command("protocol")
def write_protocol(
    protocol: ProtocolPath,
    to: Annotated[str, typer.Option(help="Formats, such as docx,html,pdf.")] = "docx",
    out: Annotated[Path | None, typer.Option(help="Where to write; runs/<study>/protocol if not given.")] = None,
    language: Annotated[str, typer.Option(help="fr or en; the protocol's if not given.")] = "",
    renderer: Annotated[str, typer.Option(help="quarto, embedded, or auto: Quarto where it is.")] = "auto",
) -> None:
    """Render the written protocol, to be signed before the data are seen; no data are read."""
    from probatio.cli import writing  # noqa: PLC0415

    writing.write_protocol(protocol, to, out=out, language=language, renderer=renderer)


@app.command()
def plan(
    protocol: ProtocolPath,
    csv: Annotated[Path | None, typer.Option(help="Where to write the plan's rows.")] = None,
) -> None:
    """Say how many patients each criterion needs, and what the study's number gives."""
    from probatio.cli.planning import show_plan  # noqa: PLC0415

    show_plan(protocol, csv)


@app.command()
def report(
    run: RunPath,
    to: Annotated[str, typer.Option(help="Formats, such as html,pdf,docx.")] = "html",
    document: Annotated[str, typer.Option(help="The folder below reports/.")] = "thesis",
    renderer: Annotated[str, typer.Option(help="quarto, embedded, or auto: Quarto where it is.")] = "auto",
) -> None:
    """Render a report from a run."""
    from probatio.cli.running import report_run  # noqa: PLC0415

    report_run(run, to, document=document, renderer=renderer)


@app.command()
def documents(
    studies: Annotated[list[str] | None, typer.Argument(help="Such as demo lung; the bundled ones if none.")] = None,
    document: Annotated[list[str] | None, typer.Option(help="A folder below reports/; all that suit if none.")] = None,
    run: Annotated[bool, typer.Option(help="Run first what is not fresh, or take the runs as they are.")] = True,
    workers: Workers = 2,
) -> None:
    """Make every document of the bundled studies with the embedded renderer; exit code 1 when one fails."""
    from probatio.cli.documenting import make_all  # noqa: PLC0415

    raise typer.Exit(make_all(studies or [], document or [], fresh=run, workers=workers))


@app.command()
def stage(
    document: Annotated[
        Path | None, typer.Argument(help="Its folder, such as reports/thesis; none: prepare all.")
    ] = None,
    run: Annotated[Path | None, typer.Option(help="The run; PROBATIO_RUN, else the newest, if not given.")] = None,
) -> None:
    """Write a run's numbers beside a document's sources, as `quarto render reports/thesis` does by itself."""
    from probatio.cli.running import stage_document  # noqa: PLC0415

    stage_document(document, run)


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(help="A run, such as runs/lung, or an unpacked crate.")],
    workers: Workers = 2,
    json: Annotated[bool, typer.Option("--json", help="Print the result as JSON.")] = False,
    run: Annotated[
        Path | None, typer.Option(help="Your own run, to compare a crate of confidential data with.")
    ] = None,
) -> None:
    """Run a run again elsewhere and compare row by row; exit code 1 when something differs. Or check a crate."""
    from probatio.cli.verifying import verify_folder  # noqa: PLC0415

    raise typer.Exit(verify_folder(folder, run, workers=workers, as_json=json))


@app.command()
def release(
    run: RunPath,
    out: Annotated[Path | None, typer.Option(help="The folder to make; <run>/release if not given.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the folder that is there.")] = False,
) -> None:
    """Write what may leave a run: no small count, no name of a centre or a technology."""
    from probatio.cli.releasing import show_release  # noqa: PLC0415

    show_release(run, out, overwrite=overwrite)


@app.command()
def combine(
    runs: Annotated[list[Path], typer.Argument(help="Folders of runs of one protocol, or their agreement rows.")],
    csv: Annotated[Path, typer.Option(help="Where to write the pooled rows.")] = Path("combined.csv"),
) -> None:
    """Pool the counts of several hospitals' runs; no patient's row is read."""
    from probatio.cli.combining import show_combined  # noqa: PLC0415

    show_combined(runs, csv)


@app.command()
def reproduce(workers: Workers = 2) -> None:
    """Run every bundled study and render its thesis as HTML and PDF."""
    from probatio.cli.running import reproduce_all  # noqa: PLC0415

    reproduce_all(workers=workers)


@data.command()
def fetch(study: Annotated[str, typer.Argument(help="The study, such as tcga.")]) -> None:
    """Download a study's declared public files and check each one's SHA-256."""
    from probatio.cli.fetching import fetch_study  # noqa: PLC0415

    fetch_study(study)


@app.command()
def trace(
    patient: Annotated[str, typer.Argument(help="The patient's pseudonym.")],
    variable: Annotated[str, typer.Argument(help="The variable, such as ecog or adverse_events.grade.")],
    *,
    visit: Annotated[str, typer.Option(help="One visit; all of them if not given.")] = "",
    protocol: Annotated[Path, typer.Option(help="The study's protocol.")] = Path("protocol/demo.yaml"),
    run: Annotated[Path | None, typer.Option(help="A run, for its results; runs/<study> if not given.")] = None,
    prov: Annotated[Path | None, typer.Option(help="Where to write it as W3C PROV-JSON (confidential).")] = None,
    language: Annotated[str, typer.Option(help="fr or en; the protocol's if not given.")] = "",
) -> None:
    """Tell a value's story, from document to analysis. Confidential: it shows a patient."""
    from probatio.cli.tracing import show_trace  # noqa: PLC0415

    show_trace(patient, variable, visit=visit, path=protocol, run=run, prov=prov, language=language)


@app.command()
def provenance(
    protocol: ProtocolPath,
    out: Annotated[Path, typer.Argument(help="The PROV-JSON file to write.")],
    run: Annotated[Path | None, typer.Option(help="The folder of the run; runs/<study> if not given.")] = None,
) -> None:
    """Write the provenance of a run as W3C PROV-JSON: files, notebooks, results; no patient."""
    from probatio.cli.tracing import write_provenance  # noqa: PLC0415

    write_provenance(protocol, run, out)


@audit.command("verify")
def verify_audit(
    log: Annotated[Path, typer.Argument(help="A protocol with a review, or an audit log (.jsonl).")],
    run: Annotated[Path | None, typer.Option(help="A run whose anchors count too; runs/<study> if not given.")] = None,
    anchor: Annotated[list[str] | None, typer.Option(help="An anchor kept elsewhere, as entries:hash.")] = None,
) -> None:
    """Verify an audit log entry by entry and against its anchors; exit code 1 when something is wrong."""
    from probatio.cli.auditing import verify_audit_log  # noqa: PLC0415

    raise typer.Exit(verify_audit_log(log, run, anchor or []))


@audit.command("list")
def list_audit(
    protocol: ProtocolPath,
    *,
    who: Annotated[str, typer.Option(help="Only what this person did.")] = "",
    kind: Annotated[str, typer.Option(help="Only entries of this kind, such as decision.")] = "",
    case: Annotated[str, typer.Option(help="Only entries about this case.")] = "",
) -> None:
    """List the entries of the audit log, without any value: by person, kind or case."""
    from probatio.cli.auditing import list_audit_log  # noqa: PLC0415

    list_audit_log(protocol, who=who, kind=kind, case=case)


@audit.command("anchor")
def anchor_audit(
    protocol: ProtocolPath,
    run: Annotated[Path | None, typer.Option(help="A run to keep it too; runs/<study> if not given.")] = None,
) -> None:
    """Keep the audit log's head beside it and in the run's manifest, and print it, to be kept elsewhere."""
    from probatio.cli.auditing import anchor_audit_log  # noqa: PLC0415

    anchor_audit_log(protocol, run)


@app.command()
def schema() -> None:
    """Write the JSON Schemas with which editors complete a protocol."""
    from probatio.cli.schemas import write_schemas  # noqa: PLC0415

    for path in write_schemas():
        sys.stdout.write(f"{path}\n")
