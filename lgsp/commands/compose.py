"""Making an envelope on the command line: from a body in a file, from a shipped example, or a whole envelope in a file."""

import dataclasses
import functools
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec

from lgsp.commands.client import Profile
from lgsp.commands.common import Failed

R = TypeVar("R")

JSON, XML = "application/json", "application/xml"


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """What the options said. `source` is a file, or the name of a kind when `example` is set."""

    source: str
    example: bool
    as_xml: bool
    kind: str | None
    to: tuple[str, ...]
    message_id: str | None
    order_key: str | None
    priority: int
    media_type: str | None
    correlation_id: str | None
    expires_in_h: float | None

    def octets(self, profile: Profile) -> bytes:
        """The envelope in its JSON form. Raises ContractError for what no hub would take, Failed when something is missing."""
        if self.example:
            kind, body, media_type = shipped_example(self.source, self.as_xml)
            return self._addressed(profile, kind, body, media_type)
        octets = read_file(self.source, "name a file; to send a shipped example: lgsp send case.file/1 --example")
        if self.kind is None:
            return _whole_envelope(self.source, octets)
        return self._addressed(profile, _versioned(self.kind), octets, self.media_type or media_type_of(self.source))

    def _addressed(self, profile: Profile, kind: str, body: bytes, media_type: str) -> bytes:
        from contracts import wire
        from contracts.agency import AgencyCode
        from contracts.envelope import Envelope, checked

        if profile.agency is None:
            raise Failed("Who sends this envelope?", "give --sender CODE (or LGSP_SENDER), the code of your own agency")
        if not self.to:
            raise Failed("Who is to receive this envelope?", "give --to CODE, once for each recipient")
        now = datetime.now(UTC)
        envelope = Envelope(
            message_id=self.message_id or secrets.token_hex(16),
            sender=AgencyCode(profile.agency),
            recipients=tuple(AgencyCode(code) for code in self.to),
            kind=kind,
            created_at=now,
            body=body,
            media_type=media_type,
            order_key=self.order_key,
            priority=self.priority,
            correlation_id=self.correlation_id,
            expires_at=None if self.expires_in_h is None else now + timedelta(hours=self.expires_in_h),
        )
        return wire.render(checked(envelope))


def draft_options(command: Callable[..., R]) -> Callable[..., R]:
    """The argument and options that describe an envelope; the command's argument after the Profile becomes the Draft."""

    @click.argument("source", metavar="FILE|KIND")
    @click.option(
        "--example", is_flag=True, help="FILE|KIND is a kind, case.file or case.file/1: take its first shipped example."
    )
    @click.option("--xml", "as_xml", is_flag=True, help="With --example: the body as XML.")
    @click.option("--kind", help="Kind of the body in FILE. Without it FILE holds a whole envelope in JSON.")
    @click.option("--to", multiple=True, metavar="CODE", help="Recipient; once for each.")
    @click.option("--message-id", help="Default: a new one. To resend, give the same id and the same FILE with a whole envelope.")
    @click.option("--order-key", help="Deliveries to one recipient with one key keep their order. Default: from the body.")
    @click.option("--priority", type=click.IntRange(0, 4), default=0, show_default=True, help="4 is the most urgent.")
    @click.option("--media-type", help="Default: by the ending of FILE, .json or .xml.")
    @click.option("--correlation-id", metavar="MESSAGE_ID", help="The message that this one answers or continues.")
    @click.option("--expires-in-h", type=float, metavar="HOURS", help="Default: as the hub is set, 30 days.")
    @functools.wraps(command)
    def drafted(*args: Any, **options: Any) -> R:
        draft = Draft(**{field.name: options.pop(field.name) for field in dataclasses.fields(Draft)})
        return command(draft, *args, **options)

    return drafted


def shipped_example(kind_key: str, as_xml: bool, name: str | None = None) -> tuple[str, bytes, str]:
    """(kind, body, media type) of the example `name`, else the first one. Without a version the newest one of the kind.

    Raises ContractError "kind.unknown".
    """
    from contracts.kinds import named
    from contracts.kinds.xml import to_xml

    kind = named(kind_key)
    found = [one for one in kind.examples if name in (None, one.name)]
    if not found:
        raise Failed(f"{kind.key} has no example {name}.", f"it has {', '.join(one.name for one in kind.examples)}")
    example = found[0]
    if example.octets is not None:  # a document of its own dialect, which has no JSON form to send
        return kind.key, example.octets, XML
    return (kind.key, to_xml(kind, example.body), XML) if as_xml else (kind.key, msgspec.json.encode(example.body), JSON)


def read_file(name: str, remedy: str = "name a file that you may read") -> bytes:
    """Raises Failed, with the remedy, when it cannot be read."""
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise Failed(f"{name}: {error.strerror}", remedy) from None


def _versioned(kind: str) -> str:
    """A name without a version becomes its newest one; what nobody here knows is left for the hub to judge."""
    from contracts.kinds import named

    return kind if "/" in kind else named(kind).key


def media_type_of(name: str) -> str:
    """By the ending. Raises Failed for another one."""
    known = {".json": JSON, ".xml": XML, ".edxml": "application/edxml+xml"}
    try:
        return known[Path(name).suffix.lower()]
    except KeyError:
        raise Failed(f"What is in {name}?", "give --media-type, such as application/json") from None


def _whole_envelope(name: str, octets: bytes) -> bytes:
    from contracts import wire
    from contracts.errors import ContractError

    try:
        wire.parse(octets)
    except ContractError as error:
        if error.code == "envelope.malformed" or error.detail.startswith("Object missing"):
            raise Failed(
                f"{name} is not an envelope in JSON.", "if it is a body, give --kind, --to and, unless known, --sender"
            ) from None
        raise
    return octets
