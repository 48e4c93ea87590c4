"""`lgsp contract`: the kinds of message, their schemas and examples, and whether a body obeys one. Needs no hub."""

from typing import TYPE_CHECKING

import click
import msgspec

from lgsp.commands.common import json_option, print_json, print_table, say
from lgsp.commands.compose import media_type_of, read_file, shipped_example

if TYPE_CHECKING:
    from contracts.kinds import Kind


@click.group(short_help="Loại thông điệp · Kinds, schemas, examples, validation.")
def contract() -> None:
    """Loại thông điệp · Look at the kinds of message and check bodies against them."""


@contract.command("list")
@json_option
def list_(as_json: bool) -> None:
    """Danh sách · List the kinds."""
    from contracts.kinds import KINDS

    if as_json:
        print_json([_summary(kind) for kind in KINDS.values()])
        return
    rows = ((kind.key, kind.title_vi, kind.title_en, kind.senders) for kind in KINDS.values())
    print_table("", ("Loại · Kind", "Tên", "Title", "Bên gửi · Senders"), rows)


@contract.command()
@json_option
@click.argument("kind")
@click.option("--schema", type=click.Choice(["json", "xsd"]), help="Print the schema.")
@click.option("--example", is_flag=True, help="Print an example.")
@click.option("--name", help="With --example: which one; default the first.")
@click.option("--xml", "as_xml", is_flag=True, help="With --example: as XML.")
def show(kind: str, schema: str | None, example: bool, name: str | None, as_xml: bool, as_json: bool) -> None:
    """Xem một loại · Show a kind, its schema or an example, ready to be written into a file.

    KIND is such as case.file/1; without a version its newest one.
    """
    from contracts.kinds import named
    from contracts.kinds.publish import schemas_of
    from contracts.signed import told

    found = named(kind)
    if schema is not None:
        click.echo(schemas_of(found)["schema.json" if schema == "json" else "schema.xsd"].decode().rstrip())
    elif example:
        _, octets, media_type = shipped_example(kind, as_xml, name)
        readable = msgspec.json.format(octets, indent=2) if media_type == "application/json" else octets
        click.echo(readable.decode().rstrip())
    elif as_json:
        print_json(_summary(found))
    else:
        rows = [(label, _text(value)) for label, value in _summary(found).items() if label != "signed"]
        rows += [("signed", " · ".join(told(rule))) for rule in found.signed]
        print_table("", ("", ""), rows)


@contract.command()
@json_option
@click.argument("file")
@click.option("--kind", required=True, help="Kind that the body should be, such as case.file/1.")
@click.option("--media-type", help="Default: by the ending of FILE, .json or .xml.")
def validate(file: str, kind: str, media_type: str | None, as_json: bool) -> None:
    """Kiểm tra nội dung · Check a body as the hub would, and show the identifiers found in it. Exit status 1 when it fails."""
    from contracts.kinds import named, read_body

    found = named(kind)
    reading = read_body(found, read_file(file), media_type or media_type_of(file))
    if as_json:
        print_json({"valid": True, "kind": found.key, "identifiers": reading.identifiers, "order_key": reading.order_key})
        return
    say(f"Hợp lệ · Valid: {file} is a {found.key}", "green")
    for one in reading.identifiers:
        say(f"  {one.scheme}: {one.value}")
    say(f"  order key: {reading.order_key}")


def _summary(kind: "Kind") -> dict[str, object]:
    return {
        "kind": kind.key,
        "title_vi": kind.title_vi,
        "title_en": kind.title_en,
        "source": kind.source,
        "senders": kind.senders,
        "media_types": sorted(kind.media_types),
        "signed": msgspec.to_builtins(kind.signed),
        "examples": [one.name for one in kind.examples],
    }


def _text(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
