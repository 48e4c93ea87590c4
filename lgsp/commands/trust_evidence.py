"""`lgsp trust status`, `fetch`, `crl`: what is known of revocation, how fetching goes, and bringing lists by hand."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from getpass import getuser
from typing import TYPE_CHECKING

import click
import msgspec

from lgsp.commands.certificates import plain
from lgsp.commands.common import Failed, json_option, print_json, print_table, quiet_log, run, say, with_settings
from lgsp.commands.compose import read_file
from lgsp.commands.labels import clock
from lgsp.commands.trust import audit_log, load_trusted, trust

if TYPE_CHECKING:
    from lgsp.settings import Settings
    from lgsp.trust.memory import Report
    from lgsp.trust.timetable import Progress
    from signing.snapshot import CrlFacts, RevocationSnapshot

_NEVER = datetime.min.replace(tzinfo=UTC)
_PATIENCE_S = 120.0
_LOOK_S = 0.2
_COLUMNS = ("", "Nguồn · Source", "Từ · As of", "Bản mới · Next", "Lần tới · Due", "Lỗi · Failures", "Lý do · Reason")


@trust.command()
@json_option
@click.pass_context
@with_settings
def status(settings: "Settings", context: click.Context, as_json: bool) -> None:
    """Tình trạng · What is known of revocation, source by source. Exit status 1 when something is late or failing."""
    from lgsp.trust.memory import read_report, read_snapshot

    snapshot, report = read_snapshot(settings.revocation_path), read_report(settings.revocation_path)
    show_status(settings, snapshot, report, as_json)
    context.exit(0 if _is_well(report) else 1)


@trust.command()
@json_option
@click.pass_context
@with_settings
def fetch(settings: "Settings", context: click.Context, as_json: bool) -> None:
    """Tải ngay · Ask every source now, through the running hub where there is one. Exit status 1 when one of them fails."""
    from lgsp.trust.memory import read_report, read_snapshot
    from lgsp.trust.places import ALL

    begun = datetime.now(UTC)
    quiet_log()
    if not run(_kept_here(settings)):
        (settings.revocation_path / ALL).touch()
        _wait(lambda: (read_report(settings.revocation_path).complete_at or _NEVER) >= begun)
    report = read_report(settings.revocation_path)
    show_status(settings, read_snapshot(settings.revocation_path), report, as_json)
    context.exit(0 if _is_well(report) else 1)


@trust.command()
@json_option
@click.argument("file")
@with_settings
def crl(settings: "Settings", file: str, as_json: bool) -> None:
    """Nạp CRL · Bring a revocation list (DER or PEM) by hand: for hubs that cannot fetch, or while its authority is out of reach.

    It is verified with the key of its issuer, who has to be known here: by `lgsp trust add`, or from signatures that came in.
    """
    octets = read_file(file)
    facts = _read_list(settings, octets, file)
    _bring(settings, octets, facts)
    audit_log().info(
        "revocation.imported",
        issuer=facts.issuer.hex(),
        operator=getuser(),
        size_bytes=len(octets),
        next_update=facts.next_update.isoformat(),
    )
    if as_json:
        print_json({"revoked": len(facts), "this_update": facts.this_update, "next_update": facts.next_update})
    else:
        say(f"Đã nạp · Brought: {len(facts)} thu hồi · revoked, {clock(facts.this_update)} – {clock(facts.next_update)}", "green")


def _read_list(settings: "Settings", octets: bytes, file: str) -> "CrlFacts":
    from lgsp.trust.evidence import read_list
    from lgsp.trust.fetching import FetchFailed
    from lgsp.trust.inputs import known_authorities
    from lgsp.trust.reasons import reason
    from lgsp.trust.store import TrustStore
    from signing.rules import Refused

    load_trusted(settings)
    at = datetime.now(UTC)
    try:
        facts = read_list(octets, known_authorities(settings.revocation_path, TrustStore(settings.trust_path)), at)
    except Refused as refused:
        code, detail = refused.rule.code, refused.detail
    except FetchFailed as error:
        code, detail = error.code, error.detail
    else:
        if facts.next_update <= at:
            raise Failed(f"{file} ended on {clock(facts.next_update)}.", "fetch the one in force", code="fetch.late")
        return facts
    said = reason(code)
    raise Failed(f"{file}: {said.vi} · {said.en}\n{plain(detail)}", f"{said.remedy_vi}\n→ {said.remedy_en}", code=code)


def _bring(settings: "Settings", octets: bytes, facts: "CrlFacts") -> None:
    """Into the inbox, and on from there by whoever keeps the evidence: a running hub, or this process."""
    import hashlib

    from lgsp.durable import make_folder, replace_file
    from lgsp.trust.memory import read_snapshot
    from lgsp.trust.places import INBOX

    inbox = settings.revocation_path / INBOX
    try:
        make_folder(inbox.absolute())
        replace_file(inbox / hashlib.sha256(octets).hexdigest(), octets)
    except OSError as error:
        raise Failed(f"{error.filename}: {error.strerror}", "run it as the hub's user: lgspctl trust crl") from None
    quiet_log()
    if not run(_kept_here(settings, ask=False)):
        _wait(lambda: _is_known(facts, read_snapshot(settings.revocation_path)))


def _is_known(facts: "CrlFacts", snapshot: "RevocationSnapshot") -> bool:
    return any(one.this_update >= facts.this_update for one in snapshot.crls_of(facts.issuer))


async def _kept_here(settings: "Settings", *, ask: bool = True) -> bool:
    """Does what a keeper does, once; False where a running hub does it."""
    from lgsp.bootstrap.trust import open_keeper
    from lgsp.durable import exclusive
    from lgsp.trust.places import LOCK

    with exclusive(settings.revocation_path / LOCK) as mine:
        if not mine:
            return False
        async with open_keeper(settings) as keeper:
            await keeper.open()
            try:
                await (keeper.step(everything=True) if ask else keeper.take_in())
            finally:
                await keeper.close()
    return True


def _wait(is_done: Callable[[], bool]) -> None:
    """For the running hub."""
    ends = time.monotonic() + _PATIENCE_S
    while not is_done():
        if time.monotonic() > ends:
            raise Failed("The running hub has not done it yet.", "`lgsp trust status` says how it goes; is the hub well?")
        time.sleep(_LOOK_S)


def show_status(settings: "Settings", snapshot: "RevocationSnapshot", report: "Report", as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "well": _is_well(report),
                "snapshot": {
                    "version": snapshot.version,
                    "made_at": snapshot.made_at,
                    "crls": len(snapshot.crls),
                    "answers": len(snapshot.ocsp),
                    "oldest": min((one.this_update for one in snapshot.crls), default=None),
                },
                "at": report.at,
                "sources": [{"key": key, **msgspec.to_builtins(one)} for key, one in report.sources.items()],
            }
        )
        return
    say(f"{len(snapshot.crls)} CRL, {len(snapshot.ocsp)} OCSP, {settings.revocation_path}", "cyan")
    if report.sources:
        print_table("", _COLUMNS, (_row(one) for one in report.sources.values()))
    else:
        say("Chưa có nguồn nào · No source yet: none is known before a signature comes in, or crl_urls names one.", "yellow")
    if report.at is not None and datetime.now(UTC) - report.at > timedelta(hours=2):
        say(f"Không ai tải từ · Nobody has fetched since {clock(report.at)}: is the hub running?", "yellow")


def _is_well(report: "Report") -> bool:
    from lgsp.trust.timetable import is_failing

    now = datetime.now(UTC)
    return not any(is_failing(one, now) or (one.next_update or now) < now for one in report.sources.values())


def _row(one: "Progress") -> tuple[object, ...]:
    from lgsp.trust.reasons import reason

    said = reason(one.code) if one.code else None
    why = "" if said is None else f"{said.vi} · {said.en}\n{plain(one.detail)}\n→ {said.remedy_vi}\n→ {said.remedy_en}"
    about = f"{plain(one.url)}\n{plain(one.about)}".strip()
    return one.kind, about, clock(one.this_update), clock(one.next_update), clock(one.due_at), one.failures or "", why
