"""Which dead letters are meant, on the command line; the same conditions for listing, replaying and resolving."""

import functools
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

import click

from contracts.agency import AgencyCode
from lgsp.commands.common import Failed, print_table
from lgsp.commands.labels import clock
from lgsp.core.directory import Directory
from lgsp.core.replay import DeadLetterFilter

if TYPE_CHECKING:
    from lgsp.ports import DeadLetterCount, Store

R = TypeVar("R")

_SHOWN = 20


class Moment(click.ParamType[datetime]):
    """A day or a moment, local time unless it names its offset."""

    name = "moment"

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            self.fail(f"{value!r} is no moment; write 2026-11-22, 2026-11-22T08:30 or 2026-11-22T08:30+07:00", param, ctx)
        return moment.astimezone()


class Chosen(NamedTuple):
    """The conditions as they were given."""

    sender: str | None
    recipient: str | None
    kind: str | None
    reason: str | None
    since: datetime | None
    until: datetime | None
    case: str | None
    ids: tuple[int, ...]

    async def which(self, store: "Store", *, resolved: bool = False) -> DeadLetterFilter:
        """Raises Failed for a code that nobody has or had."""
        directory = await store.directory()
        return DeadLetterFilter(
            sender=_key(directory, self.sender),
            recipient=_key(directory, self.recipient),
            kind=self.kind,
            reason=self.reason,
            since=self.since,
            until=self.until,
            case=self.case,
            delivery_ids=self.ids,
            resolved=resolved,
        )

    def check_meant(self, everything: bool) -> None:
        """Nobody moves or closes all of them by leaving something out. Raises UsageError."""
        if not everything and not any(self):
            raise click.UsageError("Say which: --recipient, --kind, --since, --case, --id ...; or --all.")


def filter_options(command: Callable[..., R]) -> Callable[..., R]:
    """Options that choose dead letters; every one that is given must hold. The command's argument `chosen` becomes a Chosen."""

    @click.option("--sender", metavar="CODE", help="Only what this agency sent.")
    @click.option("--recipient", metavar="CODE", help="Only what was for this agency.")
    @click.option("--kind", metavar="KIND", help='Only this kind: "case.file", or "case.file/1" for one version.')
    @click.option("--reason", metavar="CODE", help='Only what was given up for this reason: "delivery.retries_exhausted".')
    @click.option(
        "--since", type=Moment(), metavar="MOMENT", help="Only what was given up then or later; a day, or day and time."
    )
    @click.option("--until", type=Moment(), metavar="MOMENT", help="Only what was given up before.")
    @click.option("--case", metavar="NUMBER", help="Only what bears this number of a case, document or parcel.")
    @click.option("--id", "ids", type=click.IntRange(1), multiple=True, metavar="ID", help="Only this delivery; once for each.")
    @functools.wraps(command)
    def chosen(*args: Any, **options: Any) -> R:
        given = Chosen(**{name: options.pop(name) for name in Chosen._fields})
        return command(*args, chosen=given, **options)

    return chosen


def print_count(count: "DeadLetterCount") -> None:
    """What a replay is about, before it begins."""
    rows: list[tuple[str, object]] = [
        ("Thông điệp không giao được · Dead letters", count.letters),
        ("Trong đó đã hết hạn, không giao lại · Of them expired, not replayed", count.expired),
        ("Cũ nhất · Oldest", clock(count.oldest)),
        *((f"  → {recipient}", letters) for recipient, letters in list(count.by_recipient.items())[:_SHOWN]),
    ]
    if len(count.by_recipient) > _SHOWN:
        rows.append((f"  → … {len(count.by_recipient) - _SHOWN} nơi nhận khác · more recipients", ""))
    print_table("", ("", ""), rows)


def confirm(question: str, *, yes: bool, as_json: bool, more: dict[str, Any]) -> None:
    """Raises Failed when nobody can be asked, Abort for a no."""
    if yes:
        return
    if as_json:
        raise Failed("Nothing was done: it was not confirmed.", "add --yes", code="command.unconfirmed", more=more)
    click.confirm(question, abort=True)


def _key(directory: Directory, code: str | None) -> AgencyCode | None:
    if code is None:
        return None
    known = directory.known_as(code, datetime.now(UTC).date())
    if known is None:
        raise Failed(f"There is no agency {code}.", "`lgsp agency list` shows the codes")
    return known.code
