"""`lgsp retention` and `lgsp erase`: how long content is kept, and erasing that of one envelope."""

from datetime import UTC, datetime
from getpass import getuser
from typing import TYPE_CHECKING, Any

import click

from contracts.agency import AgencyCode
from lgsp.commands.agency import in_store
from lgsp.commands.common import Failed, json_option, print_json, print_table, say, with_settings
from lgsp.commands.labels import clock

if TYPE_CHECKING:
    from lgsp.core.directory import Level
    from lgsp.core.retention import Kept
    from lgsp.core.retention_tally import Amount, RuleTally
    from lgsp.ports import Erased, Store
    from lgsp.settings import Settings

_AT_ONCE = 1000
_COLUMNS = (
    "Quy định · Rule",
    "Áp dụng cho · Covers",
    "Nội dung · Bodies",
    "Tệp · Attachments",
    "Đang giữ · Kept",
    "Đến hạn · Due now",
    "30 ngày tới · Next 30 days",
    "Vướng · In the way",
)
_BARRIERS = {
    "open": (
        "it is still being delivered",
        "wait for its end, or have it taken back (`lgsp recall`); `lgsp trace --all` shows where it is",
    ),
    "dead_letter": (
        "a dead letter of it may still be replayed",
        "`lgsp deadletter resolve --id N --note ...` says that nobody will",
    ),
}


@click.group(short_help="Thời hạn lưu giữ · How long bodies and attachments are kept.")
def retention() -> None:
    """Thời hạn lưu giữ · The rules of `retention_file`, and what they come to. A running hub applies them every hour."""


@retention.command()
@json_option
@with_settings
def show(settings: "Settings", as_json: bool) -> None:
    """Xem · Show which rule applies to what, how much is due, and what comes due in the next 30 days. Reads the whole journal."""
    from lgsp.bootstrap.keeping import retention_rules
    from lgsp.core.retention_tally import Tally

    rules = retention_rules(settings)

    async def count(store: "Store") -> "list[RuleTally]":
        now = datetime.now(UTC)
        levels: dict[str, Level] = {one.code: one.level for one in (await store.directory()).agencies.values()}
        tally, after = Tally(rules, levels, now), 0
        while found := await store.kept(after, _AT_ONCE, now):
            tally.add(found)
            after = found[-1].sequence
        return tally.tallies

    tallies = in_store(settings, count)
    if as_json:
        print_json({"file": None if settings.retention_file is None else str(settings.retention_file), "rules": tallies})
        return
    print_table("", _COLUMNS, (_row(one) for one in tallies))
    if not rules:
        say("Không có quy định: lưu giữ vĩnh viễn · No rules (retention_file): everything is kept for ever.", "yellow")


def _row(one: "RuleTally") -> tuple[object, ...]:
    rule = one.rule
    kept = f"{one.kept} ({one.open} đang giao · open)" if one.open else one.kept
    due, soon = _amounts(one.bodies_due, one.files_due), _amounts(one.bodies_soon, one.files_soon)
    if rule is None:
        return "(không có · none)", "", "vĩnh viễn · for ever", "vĩnh viễn · for ever", kept, due, soon, ""
    narrowed = (rule.senders, rule.recipients, rule.sender_levels, rule.recipient_levels)
    names = ("từ · from", "đến · to", "từ cấp · from level", "đến cấp · to level")
    covers = "; ".join(
        [", ".join(rule.kinds), *(f"{name} {', '.join(part)}" for name, part in zip(names, narrowed, strict=True) if part)]
    )
    barred = [
        *([f"{one.barred} thông điệp không giao được · dead letters"] if one.barred else []),
        *([f"{one.to_archive} chờ lưu trữ · to be archived"] if one.to_archive else []),
    ]
    return rule.name, covers, _days(rule.bodies_days), _days(rule.attachments_days), kept, due, soon, ", ".join(barred)


def _days(days: int | None) -> str:
    return "vĩnh viễn · for ever" if days is None else f"{days} ngày · days"


def _amounts(bodies: "Amount", files: "Amount") -> str:
    parts = [
        *([f"{bodies.envelopes} ({_size(bodies.size_bytes)})"] if bodies.envelopes else []),
        *([f"{files.envelopes} tệp · files ({_size(files.size_bytes)})"] if files.envelopes else []),
    ]
    return ", ".join(parts)


def _size(size_bytes: int) -> str:
    return f"{size_bytes / 1e6:.1f} MB" if size_bytes >= 100_000 else f"{size_bytes} B"


@click.command(short_help="Xóa nội dung · Erase the content of one envelope, by a lawful request; its proof stays.")
@json_option
@click.argument("sender")
@click.argument("message_id")
@click.option("--why", required=True, help="By whose decision and why; sender and recipients read it in the timeline.")
@click.option("--keep-attachments", is_flag=True, help="Erase the body only.")
@click.option("--dry-run", is_flag=True, help="Say what would go, and do nothing.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings
def erase(
    settings: "Settings",
    sender: str,
    message_id: str,
    why: str,
    keep_attachments: bool,
    dry_run: bool,
    yes: bool,
    as_json: bool,
) -> None:
    """Xóa nội dung · Erase body and attachments of an envelope for ever, whatever the rules say.

    Receipt, route, times, signature verdicts with their evidence, and the log stay, and so do header and file names: who wrote to
    whom about which case. It is refused while somebody may still have to deliver it. A file that another envelope has stays;
    others are closed to everybody at once, and a running hub deletes them within half an hour. Backups, archives and what
    recipients took are not reached.
    """
    kept = in_store(settings, lambda store: _find(store, sender, message_id))
    files = kept.has_files and not keep_attachments
    _check_possible(kept, files)
    if dry_run:
        _tell(kept, files, as_json, done=None)
        return
    if not yes:
        _tell(kept, files, False, done=None)
        click.confirm("Xóa vĩnh viễn · Erase this for ever?", abort=True, err=True)
    done = in_store(settings, lambda store: _erase(store, kept, files, why))
    if done.outcome != "erased":
        raise Failed(
            f"{sender}/{message_id}: {done.outcome} meanwhile.", "look at it again: the same command", code="erase.refused"
        )
    _log_it(sender, message_id)
    _tell(kept, files, as_json, done=done)


async def _find(store: "Store", sender: str, message_id: str) -> "Kept":
    found = await store.kept_of(AgencyCode(sender), message_id, datetime.now(UTC))
    if found is None:
        raise Failed(f"There is no envelope {sender}/{message_id}.", "`lgsp trace --all NUMBER` finds it by its case")
    return found


def _check_possible(kept: "Kept", files: bool) -> None:
    """Raises Failed."""
    name = f"{kept.sender}/{kept.message_id}"
    if kept.barrier is not None:
        why, remedy = _BARRIERS[kept.barrier]
        raise Failed(f"{name}: {why}.", remedy, code=f"erase.{kept.barrier}")
    if not kept.has_body and not files:
        raise Failed(f"{name} was erased on {clock(kept.body_erased_at)}.", "nothing is left to erase", code="erase.done")


async def _erase(store: "Store", kept: "Kept", files: bool, why: str) -> "Erased":
    from lgsp.ports import Erasure

    wanted = Erasure(
        sequence=kept.sequence, files=files, reason="request", detail=f"{getuser()}: {why}"[:500], operator=getuser()[:100]
    )
    return (await store.erase([wanted], datetime.now(UTC)))[0]


def _log_it(sender: str, message_id: str) -> None:
    import sys

    from lgsp import log

    log.configure("auto", "info", stream=sys.stderr)
    log.get_logger().info("envelope.erased", sender=sender, message_id=message_id, operator=getuser())


def _tell(kept: "Kept", files: bool, as_json: bool, done: "Erased | None") -> None:
    if as_json:
        print_json(_plain(kept, files, done))
        return
    attached = f", {len(kept.files)} tệp · files ({_size(kept.files_bytes)})" if files else ""
    verb = "Đã xóa · Erased" if done is not None else "Sẽ xóa · Would go"
    say(f"{verb}: {kept.sender}/{kept.message_id}, {kept.kind}, {_size(kept.body_bytes)}{attached}", "green" if done else None)
    if done is not None and files and done.files < len(kept.files):
        say(f"{len(kept.files) - done.files} tệp còn thuộc thông điệp khác · files stay with other envelopes.", "yellow")
    if kept.archive is not None:
        say(f"Còn trong tệp lưu trữ số {kept.archive} · It is in archive file {kept.archive} too.", "yellow")


def _plain(kept: "Kept", files: bool, done: "Erased | None") -> dict[str, Any]:
    return {
        "sender": kept.sender,
        "message_id": kept.message_id,
        "kind": kept.kind,
        "erased": done is not None,
        "body_bytes": kept.body_bytes if kept.has_body else 0,
        "files": [one.digest for one in kept.files] if files else [],
        "files_deleted": None if done is None else done.files,
        "archive": kept.archive,
    }
