"""`lgsp log between`: that these are all messages from one agency to another in a period; made at the hub, checked anywhere."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lgsp.commands.certificates import plain
from lgsp.commands.common import Failed, Invocation, json_option, print_json, print_table, quiet_log, run, say
from lgsp.commands.dead_filter import Moment
from lgsp.commands.log import log
from lgsp.commands.log_key import LogKeys, together

if TYPE_CHECKING:
    from lgsp.core.log.completeness import Statement, Verdict
    from lgsp.core.log.note import NoteVerifier
    from lgsp.settings import Settings

_COLUMNS = ("Số · Number", "Lúc · At", "Thứ tự · Sequence", "Lần giao · Delivery", "")
_TITLES = {
    "checkpoint": ("Điểm kiểm chứng không đúng chữ ký", "The checkpoint is not signed by this log"),
    "record": ("Bản ghi không đọc được hoặc của cặp khác", "A record cannot be read or is of another pair"),
    "proof": ("Bản ghi không nằm trong nhật ký", "A record is not in the log"),
    "order": ("Số thứ tự không tăng dần", "Numbers are not in their order"),
    "gap": ("Thiếu thông điệp", "Messages are missing"),
    "begin": ("Bản ghi đứng trước lại nằm trong kỳ", "What is shown as before the period lies in it"),
    "end": ("Bản ghi đứng sau lại nằm trong kỳ", "What is shown as after the period lies in it"),
    "whole_log": ("Nhật ký đầy đủ cho thấy khác", "The whole log tells otherwise"),
    "not_over": ("Nhật ký chưa đến hết kỳ", "The log had not got to the end of the period"),
}
UNPROVEN_END = 3


class UnprovenEnd(Failed):
    """Nothing is wrong, but nothing follows the period, which only the whole log can show."""

    exit_code = UNPROVEN_END


class EndOfPeriod(Moment):
    """A day is meant to its end; a moment is excluded."""

    def convert(self, value: str | datetime, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        moment = super().convert(value, param, ctx)
        return moment + timedelta(days=1) if isinstance(value, str) and len(value) == len("2026-10-31") else moment


@log.command()
@json_option
@click.argument("sender", required=False)
@click.argument("recipient", required=False)
@click.option("--from", "since", type=Moment(), metavar="DATE", help="The first day, or a moment.")
@click.option("--to", "until", type=EndOfPeriod(), metavar="DATE", help="The last day, or the moment before which it ends.")
@click.option("-o", "--output", type=click.Path(dir_okay=False, path_type=Path), help="Where the statement is written.")
@click.option("--check", "checked", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Verify this statement.")
@click.option(
    "--log-key",
    "log_keys",
    type=LogKeys(),
    multiple=True,
    metavar="VKEY",
    help="For --check: key of the log, or a file of them (GET /log/vkey); else those of this hub.",
)
@click.option("--tiles", metavar="DIR|URL", help="With --check: read the whole published log there, which proves the end too.")
@click.pass_obj
def between(
    invocation: Invocation,
    sender: str | None,
    recipient: str | None,
    since: datetime | None,
    until: datetime | None,
    output: Path | None,
    checked: Path | None,
    log_keys: "tuple[tuple[NoteVerifier, ...], ...]",
    tiles: str | None,
    as_json: bool,
) -> None:
    """Đầy đủ · State that these are *all* messages from SENDER to RECIPIENT in a period, or verify such a statement offline.

    \b
      lgsp log between H01.134 H01.10.01 --from 2026-10-01 --to 2026-10-31 -o october.json
      lgsp log between --check october.json --log-key log.vkey

    Deliveries of a pair have numbers without gaps in the log; copies for subscribers count. Exit status of --check: 0 complete;
    1 something is missing or wrong, each gap is named; 3 nothing is missing, but nothing follows the period either, and that
    there is no more only who reads the whole log can say: the hub did when it made the statement, --tiles does it again.
    """
    if checked is not None:
        _check(checked, together(log_keys) or run(_own_keys(invocation.settings())), tiles, as_json)
        return
    if sender is None or recipient is None or since is None or until is None or output is None:
        raise click.UsageError("Give SENDER, RECIPIENT, --from, --to and -o FILE; or --check FILE.")
    if since >= until:
        raise click.UsageError("--from lies behind --to.")
    quiet_log()
    statement = run(_made(invocation.settings(), (sender, recipient), (since, until), as_json))
    output.write_bytes(statement.octets)
    summary = {"file": str(output), "records": len(statement.records), "begins": statement.before is None}
    if as_json:
        print_json(summary | {"ends": statement.after is None})
        return
    say(f"Đã ghi · Written: {output}: {len(statement.records)} thông điệp · messages", "green")
    if statement.after is None:
        say("Sau kỳ chưa có thông điệp nào · Nothing has followed yet: make it again later, and the end is proven too.", "yellow")


async def _made(settings: "Settings", pair: tuple[str, str], period: tuple[datetime, datetime], quiet: bool) -> "Statement":
    from lgsp.bootstrap.keys import hub_keys
    from lgsp.bootstrap.log import open_log
    from lgsp.bootstrap.stores import open_store
    from lgsp.core.log.checkpoint import open_by_any
    from lgsp.flow.completeness import LogUnlike, state

    async with open_store(settings) as store:
        known = (await store.directory()).agencies
        for code in pair:
            if code not in known:
                raise Failed(f"There is no agency {code}.", "`lgsp agency list` shows the codes")
        keys = hub_keys(settings)
        keeper = await open_log(settings, store, keys)
        try:
            published = await store.latest_checkpoint()
            if published is not None and published.published_at >= period[1]:  # with what witnesses signed
                note = published.note.decode()
            else:
                head = await store.log_head()
                note = await keeper.sign(head, head)
            checkpoint = open_by_any(note, keys.log_verifiers(keeper.origin)).checkpoint
            tell = (lambda _: None) if quiet else lambda read: _progress(read, checkpoint.size)
            return await state(store, pair, period, checkpoint, note, tell)
        except LogUnlike as error:
            raise Failed(str(error), "`lgsp log verify` says what was changed", code="log.unlike") from None
        finally:
            keeper.close()
            keys.close()


def _progress(read: int, size: int) -> None:
    click.echo(f"\r\x1b[K{read}/{size} mục nhật ký · log entries", nl=read == size, err=True)


async def _own_keys(settings: "Settings") -> "tuple[NoteVerifier, ...]":
    """Of the log in this journal, which may have been begun anew under another name."""
    from lgsp.bootstrap.keys import hub_keys
    from lgsp.bootstrap.stores import open_store

    async with open_store(settings) as store:
        origin = await store.log_origin() or settings.log_name
    keys = hub_keys(settings)
    try:
        return keys.log_verifiers(origin)
    finally:
        keys.close()


def _check(file: Path, keys: "tuple[NoteVerifier, ...]", tiles: str | None, as_json: bool) -> None:
    from lgsp.core.log.completeness import MAX_STATEMENT_BYTES, StatementInvalid, check, read_statement

    if file.stat().st_size > MAX_STATEMENT_BYTES:
        raise Failed(f"{file}: more than {MAX_STATEMENT_BYTES} bytes", "no statement is that large", code="statement.invalid")
    try:
        statement = read_statement(file.read_bytes())
    except StatementInvalid as error:
        raise Failed(f"{file}: {error}", "name a file that `lgsp log between -o` wrote", code="statement.invalid") from None
    verdict = check(statement, keys)
    if tiles is not None and verdict.is_complete:
        verdict = run(_by_whole_log(statement, verdict, keys, tiles))
    if not as_json:
        _show(statement, verdict)
    _judge(statement, verdict)
    if as_json:
        print_json(_plain(statement, verdict))
    else:
        say("Đầy đủ · Complete: nothing is missing between its first and its last number, nor at its edges.", "green")


async def _by_whole_log(statement: "Statement", verdict: "Verdict", keys: "tuple[NoteVerifier, ...]", where: str) -> "Verdict":
    """Raises Failed where the log cannot be read, or is not the one that was signed."""
    from lgsp.commands.log_verify import place_at
    from lgsp.core.log.checkpoint import open_by_any
    from lgsp.core.log.completeness import PairReader, against_log
    from lgsp.core.log.frontier import Frontier
    from lgsp.core.log.note import NoteInvalid
    from lgsp.monitor.places import CHECKPOINT, Unreadable
    from lgsp.monitor.whole import Recomputing

    signed = open_by_any(statement.checkpoint, keys).checkpoint
    reader = PairReader(statement.sender, statement.recipient, statement.since, statement.until)
    try:
        async with place_at(where) as place:
            served = open_by_any(await place.read(CHECKPOINT), keys).checkpoint
            whole = Recomputing(place, signed, Frontier(), served.size, with_entries=True)
            async for bundle in whole.bundles():
                for index, entry in enumerate(bundle.entries or (), bundle.first):
                    if not whole.findings:
                        reader.feed(index, entry)
    except (Unreadable, NoteInvalid) as error:
        remedy = "name the folder or address of the published log, readable with its entries, at least as new as the statement"
        raise Failed(f"{where}: {error}", remedy, code="log.unreadable") from None
    if whole.findings or whole.tree.root != signed.root:
        raise Failed(f"{where} is not the log that was signed.", "`lgsp log verify --tiles` says what differs", code="log.unlike")
    return against_log(statement, verdict, reader)


def _show(statement: "Statement", verdict: "Verdict") -> None:
    period = f"{statement.since.isoformat()} … {statement.until.isoformat()}"
    say(plain(f"{statement.sender} → {statement.recipient}, {period}: {len(verdict.routed)} thông điệp · messages"))
    print_table(
        "",
        _COLUMNS,
        (
            (one.number, one.at.astimezone().isoformat(), one.sequence, one.delivery, "bản sao · copy" if one.copy else "")
            for one in verdict.routed
        ),
    )
    for line in _told(verdict):
        say(plain(line), "red")
    if verdict.log_until is not None:
        say(f"Nhật ký đến · The log had got to {verdict.log_until.astimezone().isoformat()}.")


def _told(verdict: "Verdict") -> Iterator[str]:
    for one in verdict.findings:
        vietnamese, english = _TITLES[one.code]
        numbers = "" if one.first is None else f" {one.first}" if one.last in (None, one.first) else f" {one.first}-{one.last}"
        yield f"{one.code}{numbers}: {vietnamese} · {english} ({one.detail})"


def _judge(statement: "Statement", verdict: "Verdict") -> None:
    """Raises Failed unless it is complete beyond the word of the hub."""
    if not verdict.is_complete:
        raise Failed(
            "Không đầy đủ hoặc không đúng · Not complete, or not true.",
            "hold the statement against the numbers named; ask the hub for a new one",
            code="statement.incomplete",
            more=_plain(statement, verdict),
        )
    if verdict.open_end:
        raise UnprovenEnd(
            "Không thiếu số nào; sau kỳ chưa có thông điệp nào để chứng minh điểm cuối · No number is missing; that nothing comes"
            " behind the last one is the word of the hub, which read its whole log.",
            "read the whole log yourself: --tiles; or have a statement made once another message has followed",
            code="statement.end_unproven",
            more=_plain(statement, verdict),
        )


def _plain(statement: "Statement", verdict: "Verdict") -> dict[str, Any]:
    numbers = [one.number for one in verdict.routed]
    return {
        "sender": statement.sender,
        "recipient": statement.recipient,
        "since": statement.since,
        "until": statement.until,
        "complete": verdict.is_complete,
        "end_proven": not verdict.open_end,
        "log_until": verdict.log_until,
        "messages": len(numbers),
        "numbers": [min(numbers), max(numbers)] if numbers else None,
        "findings": verdict.findings,
    }
