"""`lgsp agency wsdl`: what a web service takes, a mapping to start from, and whether a mapping is right. Needs no hub."""

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from lgsp.commands.agency import agency
from lgsp.commands.common import Failed, json_option, print_json, print_table, say
from lgsp.commands.compose import shipped_example
from lgsp.commands.connection import MAX_WSDL_BYTES, changed_options

if TYPE_CHECKING:
    from adapters.soap.wsdl import Description, Operation

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_REMEDY = "see adapters/soap/README.md"


@agency.command()
@json_option
@click.argument("file", type=_FILE)
@click.option("--with", "schemas", type=_FILE, multiple=True, help="A schema that it imports or includes; once for each.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the WSDL with its schemas inside.")
@click.option("--operation", help="Only this one; for a mapping, which one.")
@click.option("--kind", help="Propose a mapping for this kind, or with --option check one.")
@click.option("--option", "options", multiple=True, metavar="NAME=VALUE", help="As for lgsp agency endpoint; once for each.")
def wsdl(
    file: Path,
    schemas: tuple[Path, ...],
    output: Path | None,
    operation: str | None,
    kind: str | None,
    options: tuple[str, ...],
    as_json: bool,
) -> None:
    """Xem WSDL · List what a SOAP service takes; propose a mapping; check one, with the message made of our example.

    Nothing is fetched and nobody is called.
    """
    from adapters.soap.wsdl import WsdlError

    try:
        text = _whole(file, schemas)
        if output is not None:
            output.write_text(text, encoding="utf-8")
        if kind is None:
            _list(text, operation, as_json)
        elif options:
            _check(text, kind, changed_options({"operation": operation or ""}, options), as_json)
        else:
            _propose(text, kind, operation, as_json)
    except WsdlError as error:
        raise Failed(f"{file}: {error}", _REMEDY) from None


def _whole(file: Path, schemas: tuple[Path, ...]) -> str:
    """Raises Failed for a schema that it does not need, or that makes it larger than the hub keeps."""
    from adapters.soap.bundle import bundled

    if not schemas:
        return file.read_bytes().decode("utf-8", "replace")
    text, left = bundled(file.read_bytes(), {one.name: one.read_bytes() for one in schemas})
    if left:
        raise Failed(f"{file} needs no {', '.join(left)}.", "leave it out, or name the file as its schemaLocation ends")
    if len(text.encode()) > MAX_WSDL_BYTES:
        raise Failed(f"With its schemas it is larger than {MAX_WSDL_BYTES} bytes.", "leave out operations that nobody calls")
    return text


def _described(text: str) -> "Description":
    from adapters.soap.wsdl import read_wsdl

    return read_wsdl(text)


def _list(text: str, name: str | None, as_json: bool) -> None:
    description = _described(text)
    if name is not None:
        description.operation(name)
    found = [one for one in description.operations if name in (None, one.name)]
    if as_json:
        print_json([_as_json(one) for one in found])
        return
    columns = ("Trường · Field", "Kiểu · Type", "Bắt buộc · Required")
    for one in found:
        rows = [(field.path, field.type, "x" if field.required else "") for field in one.fields]
        rows += [(f"(header) {field.path}", field.type, "") for field in one.headers]
        answer = f", trả lời · answers {one.answer}" if one.answer else ", một chiều · one-way"
        print_table(f"{one.name}  ({one.service}, {one.port}, SOAP {one.version}{answer})", columns, rows)


def _as_json(one: "Operation") -> dict[str, Any]:
    shown = {"service": one.service, "port": one.port, "version": one.version, "operation": one.name, "answer": one.answer}
    return shown | {"fields": msgspec.to_builtins(one.fields), "headers": msgspec.to_builtins(one.headers)}


def _propose(text: str, kind: str, name: str | None, as_json: bool) -> None:
    from adapters.soap.proposal import proposed
    from contracts.kinds import named

    found = proposed(_described(text).operation(name or ""), named(kind))
    if as_json:
        print_json(found)
        return
    for option, value in found.items():
        click.echo(f"--option {shlex.quote(f'{option}={value}')}" + ("" if value else "    # bắt buộc · has to be filled"))
    say("Đọc lại trước khi dùng · Read it before it counts; header blocks, answers and passwords are yours to add.", "yellow")


def _check(text: str, kind: str, options: dict[str, str], as_json: bool) -> None:
    """The message that our example of the kind becomes, without the secret and what is made of it."""
    from adapters.soap.mapping import request_of
    from adapters.soap.registration import plan_of
    from contracts.kinds import named

    plan = plan_of(_described(text), options, named(kind).key)
    shown = {name: value for name, value in options.items() if not name.startswith(("security", "binary"))}
    request = request_of(plan_of(_described(text), shown, plan.kind.key), _example(plan.kind.key), _FILES, "***", 0.0, b"")
    message = request.body.decode()
    if as_json:
        print_json({"valid": True, "operation": plan.operation.name, "headers": request.headers, "message": message})
        return
    say(f"Hợp lệ · Valid: {plan.kind.key} → {plan.operation.name}", "green")
    for name, value in request.headers.items():
        click.echo(f"{name}: {value}")
    click.echo(f"\n{message}")


_PAPER = b"%PDF-1.7"
_DIGEST = f"sha256:{'0' * 64}"
_FILES = {_DIGEST: _PAPER}


def _example(kind: str) -> Any:
    from contracts.adapter import Parcel
    from contracts.agency import AgencyCode
    from contracts.envelope import Attachment, Envelope

    _, body, media_type = shipped_example(kind, False)
    to = AgencyCode("H01.20")
    envelope = Envelope(
        message_id="example-1",
        sender=AgencyCode("H01.15"),
        recipients=(to,),
        kind=kind,
        created_at=datetime(2026, 11, 18, 1, 15, tzinfo=UTC),
        body=body,
        media_type=media_type,
        attachments=(Attachment(digest=_DIGEST, size_bytes=len(_PAPER), media_type="application/pdf", name="giấy tờ.pdf"),),
    )
    return Parcel(delivery_id=1, attempt=1, recipient=to, addressed_as=to, sequence=1, envelope=envelope, number=1)
