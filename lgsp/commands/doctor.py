"""`lgsp doctor`: looks at everything a hub leans on, and says of each how to mend it."""

import asyncio
import os
import platform
import shutil
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import click
import msgspec

from lgsp.commands.common import Failed, Invocation, json_option, print_json, quiet_log, run, say
from lgsp.errors import LgspError, SettingsError

if TYPE_CHECKING:
    from lgsp.ports import Checkpoint, Stamp
    from lgsp.settings import Settings

Verdict = Literal["ok", "warning", "failed"]
_MARKS = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "red")}
_SLOW_FSYNC_S = 0.05
_RENEW_BEFORE = timedelta(days=30)
_LATE = timedelta(seconds=3)  # times log_stamp_s
_PUBLISHED_WITHIN = timedelta(minutes=5)
_TIMEOUT_S = 10.0
_HOLDS = 50
_ON_HOLD = {
    "failing": "is its system running? `lgsp maintenance show` says since when and why",
    "maintenance": "`lgsp maintenance end` when it is over",
}


class Finding(NamedTuple):
    name: str
    verdict: Verdict
    detail: str
    remedy: str = ""


@click.command(short_help="Kiểm tra hệ thống · What is wrong, and how to mend it.")
@json_option
@click.pass_obj
def doctor(invocation: Invocation, as_json: bool) -> None:
    """Kiểm tra hệ thống · Check settings, disk, keys, trust, journal, broker, clock, versions and TLS files.

    Every line that is not well says how to mend it. Exit status 1 when something failed.
    """
    quiet_log()
    findings = run(_examine(invocation, show=None if as_json else _show))
    failed = [one for one in findings if one.verdict == "failed"]
    report = {"well": not failed, "findings": [one._asdict() for one in findings]}
    if failed:
        names = dict.fromkeys(one.name for one in failed)  # a check may have found several things
        checks = {one.name for one in findings}
        raise Failed(f"{len(names)} of {len(checks)} checks failed: {', '.join(names)}.", code="doctor.failed", more=report)
    if as_json:
        print_json(report)


def _show(one: Finding) -> None:
    mark, colour = _MARKS[one.verdict]
    say(f"{mark} {one.name:<10} {one.detail}", colour)
    if one.remedy:
        say(f"  {'':<10} → {one.remedy}")


async def _examine(invocation: Invocation, show: Callable[[Finding], None] | None) -> list[Finding]:
    findings = []
    async for one in _findings(invocation):
        findings.append(one)
        if show is not None:
            show(one)
    return findings


async def _findings(invocation: Invocation) -> AsyncIterator[Finding]:
    yield _versions()
    yield _clock()
    try:
        settings = invocation.settings()
    except SettingsError as error:
        for problem in error.problems:
            yield Finding("settings", "failed", problem, "deploy/settings.example.toml explains every setting")
        return
    yield Finding("settings", "ok", f"{invocation.settings_file or 'defaults and environment only'}")
    yield _disk(settings)
    yield _secrets(settings)
    yield _keys(settings)
    yield _trust(settings)
    yield await _journal(settings)
    yield await _evidence_log(settings)
    yield await _broker(settings)
    async for one in _recipients(settings):
        yield one
    yield await _address(settings)
    yield _tls(settings)


def _versions() -> Finding:
    packages = ", ".join(f"{name} {version(name)}" for name in ("aiohttp", "aio-pika", "asyncpg", "msgspec"))
    import sqlite3

    detail = f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {packages}"
    return Finding("versions", "ok", detail)


def _clock() -> Finding:
    """Receipts, expiry and tokens live by the clock."""
    now = datetime.now(UTC)
    if now.year < 2025:
        return Finding("clock", "failed", f"it is {now:%Y-%m-%d} here", "set the clock and start a time service (chrony)")
    timedatectl = shutil.which("timedatectl")
    asked = None
    if timedatectl is not None:
        command = [timedatectl, "show", "--property=NTPSynchronized", "--value"]
        asked = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)  # noqa: S603 - a fixed command
    if asked is None or asked.returncode != 0:
        return Finding(
            "clock",
            "warning",
            f"{now:%Y-%m-%dT%H:%M:%SZ}; who sets it cannot be seen here",
            "make sure that NTP sets this machine's clock",
        )
    if asked.stdout.strip() != "yes":
        return Finding(
            "clock",
            "warning",
            f"{now:%Y-%m-%dT%H:%M:%SZ}, not synchronised",
            "apt-get install chrony; systemctl enable --now chrony",
        )
    return Finding("clock", "ok", f"{now:%Y-%m-%dT%H:%M:%SZ}, synchronised")


def _disk(settings: "Settings") -> Finding:
    """Room, and how long it takes until octets are safe."""
    probe = settings.data_dir / f".doctor-{os.getpid()}"
    try:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        started = time.perf_counter()
        with probe.open("wb") as file:
            file.write(b"\0" * 4096)
            file.flush()
            os.fsync(file.fileno())
        fsync_s = time.perf_counter() - started
        probe.unlink()
        free_bytes = min(shutil.disk_usage(path).free for path in (settings.data_dir, _existing(settings.blobs_path)))
    except OSError as error:
        return Finding(
            "disk",
            "failed",
            f"{settings.data_dir}: {error.strerror}",
            "let the hub's user write there, or set data_dir and blobs_dir",
        )
    wanted = f"{settings.min_free_bytes // 2**20} MiB wanted"
    detail = f"{settings.data_dir}: {free_bytes // 2**20} MiB free, {wanted}, fsync in {fsync_s * 1000:.1f} ms"
    if free_bytes < settings.min_free_bytes:
        return Finding("disk", "failed", detail, "make room or enlarge the disk: below min_free_bytes the hub is not ready")
    if fsync_s > _SLOW_FSYNC_S:
        return Finding("disk", "warning", detail, "every commit waits for this: use a local SSD for the journal")
    return Finding("disk", "ok", detail)


def _existing(path: Path) -> Path:
    return path if path.exists() else _existing(path.parent)


def _secrets(settings: "Settings") -> Finding:
    """Files that nobody else may read."""
    token_key = () if settings.token_key_file else (settings.token_key_path,)
    ours = (*token_key, *settings.keys_path.glob("*.pem"), settings.data_dir / "sandbox.json")
    for path in ours:
        if path.exists() and path.stat().st_mode & 0o077:
            return Finding("secrets", "failed", f"{path} can be read by others", f"chmod 600 {path}")
    path = settings.token_key_path
    return Finding("secrets", "ok", f"{path}: {'present' if path.exists() else 'is made at the first start'}")


def _keys(settings: "Settings") -> Finding:
    """That the key which signs can be used, and how long its certificate lasts."""
    from cryptography import x509

    from lgsp.bootstrap.keys import token
    from lgsp.core.key_set import Purpose
    from lgsp.trust.key_files import KeyFiles

    files, now, shown = KeyFiles(settings.keys_path), datetime.now(UTC), []
    try:
        keys = files.read()
        for purpose in Purpose:
            record = keys.current(purpose, now)
            if record is None:
                shown.append(f"{purpose}: none")
                continue
            held = token(settings) if record.token_label else None
            (held.signer(record) if held else files.private(record)).sign(b"doctor")
            if held:
                held.close()
            ends = [x509.load_der_x509_certificate(one).not_valid_after_utc for one in record.certificates]
            if ends and min(ends) - now < _RENEW_BEFORE:
                remedy = "lgsp key new receipts, then request, certificate and activate"
                return Finding("keys", "warning", f"{record.name}: its certificate ends on {min(ends):%Y-%m-%d}", remedy)
            shown.append(f"{purpose}: {record.name}")
    except (LgspError, OSError) as error:
        return Finding("keys", "failed", str(error), "`lgsp key list`; the RUNBOOK says how to get keys back from the safe")
    return Finding("keys", "ok", f"{settings.keys_path}: {', '.join(shown)}")


def _trust(settings: "Settings") -> Finding:
    """Whose signatures are believed, and how fetching of revocation goes."""
    from lgsp.trust.expiry import endings
    from lgsp.trust.inputs import met
    from lgsp.trust.memory import read_report
    from lgsp.trust.store import TrustStore, TrustUnreadable
    from lgsp.trust.timetable import is_failing

    try:
        trusted, report = TrustStore(settings.trust_path).load(), read_report(settings.revocation_path)
        ends = endings(trusted, met(settings.revocation_path), (), report.sources.values(), datetime.now(UTC), _RENEW_BEFORE)
    except (TrustUnreadable, OSError) as error:
        return Finding("trust", "failed", str(error), "mend or remove that file; `lgsp trust list` shows the others")
    detail = f"{len(trusted.of('documents'))} anchors for documents, {len(trusted.of('time-stamps'))} for time-stamps"
    failing = [one for one in report.sources.values() if is_failing(one, datetime.now(UTC))]
    if failing:
        return Finding("trust", "warning", f"{detail}; {len(failing)} sources of revocation fail", "`lgsp trust status` says why")
    if ends:
        return Finding("trust", "warning", f"{detail}; {len(ends)} end soon or have ended", "`lgsp trust expiring` says which")
    if not trusted.of("documents"):
        return Finding("trust", "warning", f"{detail}: no signature is believed", "lgsp trust add FILE --purpose documents")
    return Finding("trust", "ok", detail)


async def _journal(settings: "Settings") -> Finding:
    from lgsp.bootstrap.stores import open_store

    where = str(settings.sqlite_path or settings.redacted()["journal_url"])
    try:
        async with asyncio.timeout(_TIMEOUT_S), open_store(settings) as store:
            started = time.perf_counter()
            await store.ping()
            took_s = time.perf_counter() - started
            directory = await store.directory()
    except (LgspError, OSError, TimeoutError) as error:
        remedy = (
            "is PostgreSQL running, are host, password and database right?"
            if settings.sqlite_path is None
            else "may the hub's user write there?"
        )
        return Finding("journal", "failed", f"{where}: {str(error) or type(error).__name__}", remedy)
    detail = f"{where}: written in {took_s * 1000:.1f} ms, {len(directory.agencies)} agencies"
    if not directory.agencies:
        return Finding(
            "journal", "warning", detail, "register agencies: lgsp agency add, or lgsp agency import; to try: lgsp run --demo"
        )
    return Finding("journal", "ok", detail)


async def _evidence_log(settings: "Settings") -> Finding:
    """That the journal's log continues what was signed, and that others are shown it."""
    from lgsp.bootstrap.log import witness_policy
    from lgsp.bootstrap.stores import open_store
    from lgsp.flow.head_file import HeadFileUnusable, heads_in
    from lgsp.flow.log_keeper import LogRewound, check_continued
    from lgsp.trust.stamping import authority_name

    try:
        policy, heads = witness_policy(settings), list(heads_in(settings.log_path))
        async with asyncio.timeout(_TIMEOUT_S), open_store(settings) as store:
            origin = await store.log_origin()
            await check_continued(store, origin, heads, tree := await store.log_head())
            published = await store.latest_checkpoint()
            stamps = {one: await store.latest_stamp(one) for one in map(authority_name, settings.time_stamp_urls)}
    except LogRewound as error:
        return Finding("log", "failed", f"{error.vi} {error.en}", "deploy/RUNBOOK.md, chapter 5, “The log after a restore”")
    except SettingsError as error:
        return Finding("log", "failed", "; ".join(error.problems), "correct the policy of witnesses")
    except (HeadFileUnusable, OSError) as error:
        return Finding("log", "failed", str(error), "let the hub's user read log_dir; if it is damaged, see the RUNBOOK")
    except (LgspError, TimeoutError) as error:
        return Finding("log", "warning", f"not known: {str(error) or type(error).__name__}", "see the journal's line")
    witnesses = "no witnesses" if policy is None else f"{len(policy.witnesses)} witnesses"
    detail = f"{origin or settings.log_name}: {tree.size} entries, {witnesses}, {len(stamps)} time-stamp authorities"
    now = datetime.now(UTC)
    late = [
        name for name, one in stamps.items() if published and (one is None or now - one.stamped_at > _LATE * settings.log_stamp_s)
    ]
    if published is not None and tree.size > published.size and now - published.published_at > _PUBLISHED_WITHIN:
        remedy = "do enough witnesses cosign? Is a gateway running? Its log says: checkpoint.failed, checkpoint.unwitnessed"
        return Finding("log", "warning", f"{detail}; last published at {published.published_at:%Y-%m-%d %H:%M}Z", remedy)
    if late:
        return Finding(
            "log", "warning", f"{detail}; no recent time-stamp by {', '.join(late)}", "timestamp.failed in the log says why"
        )
    return Finding("log", "ok", detail)


def _is_late(last: "Stamp", published: "Checkpoint", now: datetime, longest: timedelta) -> bool:
    """Whether something that this authority has not stamped has waited for too long."""
    return last.size < published.size and now - last.stamped_at > longest


async def _recipients(settings: "Settings") -> AsyncIterator[Finding]:
    """Whom deliveries cannot reach at the moment, and what was given up."""
    from lgsp.bootstrap.stores import open_store
    from lgsp.core.feed import read_state
    from lgsp.core.hold import Cause
    from lgsp.core.replay import DeadLetterFilter
    from lgsp.flow.collecting import STATE

    try:
        async with asyncio.timeout(_TIMEOUT_S), open_store(settings) as store:
            holds = [one for one in await store.holds(_HOLDS) if one.hold.cause is not Cause.RELEASING]
            dead = (await store.count_dead_letters(DeadLetterFilter(), datetime.now(UTC))).letters
            directory = await store.directory()
            agencies = directory.agencies.values()
            feeds = [(one.code, read_state(await store.mark(one.code, STATE))) for one in directory.feeding]
    except (LgspError, OSError, TimeoutError) as error:
        said = str(error) or type(error).__name__
        yield Finding(
            "recipients", "warning", f"who is on hold and what was given up is not known: {said}", "see the journal's line"
        )
        return
    for cause, remedy in _ON_HOLD.items():
        names = [f"{one.hold.recipient} ({one.parked} parked)" for one in holds if one.hold.cause.label == cause]
        if names:
            yield Finding("recipients", "warning", f"{cause}: {', '.join(names)}", remedy)
    off = [one.code for one in agencies if one.closed_on is None and one.endpoint is not None and not one.endpoint.enabled]
    if off:
        remedy = "ask the agency for its new address: `lgsp agency endpoint CODE URL`; or switch it on again: `--on`"
        yield Finding("recipients", "warning", f"endpoint switched off: {', '.join(off)}", remedy)
    if not holds and not off:
        yield Finding("recipients", "ok", "nobody is on hold")
    failing = [f"{code} ({state.failures} times: {state.reason})" for code, state in feeds if state.failures]
    if failing:
        yield Finding(
            "feeds", "warning", f"cannot be polled: {', '.join(failing)}", "`lgsp agency feed CODE` says since when and why"
        )
    elif feeds:
        yield Finding("feeds", "ok", f"{len(feeds)} systems are polled")
    if dead:
        yield Finding(
            "dead", "warning", f"{dead} deliveries were given up", "`lgsp deadletter list`, then replay or resolve them"
        )
    else:
        yield Finding("dead", "ok", "no dead letters")


async def _broker(settings: "Settings") -> Finding:
    if not settings.amqp_url:
        return Finding("broker", "ok", "inside the process")
    import aio_pika
    from aio_pika.exceptions import AMQPError

    where = str(settings.redacted()["amqp_url"])
    try:
        connection = await aio_pika.connect(settings.amqp_url, timeout=_TIMEOUT_S)
        await connection.close()
    except (AMQPError, OSError, TimeoutError) as error:
        return Finding(
            "broker",
            "failed",
            f"{where}: {str(error) or type(error).__name__}",
            "is RabbitMQ running, are host, password and virtual host right? Until then envelopes are accepted and wait",
        )
    return Finding("broker", "ok", f"{where}: connected")


async def _address(settings: "Settings") -> Finding:
    """Either nobody listens yet, or a hub does and says how it is."""
    where = f"{settings.listen_host}:{settings.listen_port}"
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.listen_host, settings.listen_host)  # noqa: S104 - compared, not bound
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.settimeout(2)
        if probe.connect_ex((host, settings.listen_port)) != 0:
            return Finding("address", "ok", f"{where}: free, no hub is running there")
    return await _hub_at(f"[{host}]" if ":" in host else host, settings)


async def _hub_at(host: str, settings: "Settings") -> Finding:
    """What /readyz answers. Certificates are not this check's business: it asks the hub by its address."""
    import aiohttp

    where = f"{settings.listen_host}:{settings.listen_port}"
    url = f"{'https' if settings.tls_cert_file else 'http'}://{host}:{settings.listen_port}/readyz"
    try:
        timeout = aiohttp.ClientTimeout(total=_TIMEOUT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(url, ssl=False) as answer:
            checks = {one["name"]: one for one in msgspec.json.decode(await answer.read())["checks"]}
    except (aiohttp.ClientError, TimeoutError, msgspec.DecodeError, KeyError, TypeError) as error:
        said = str(error) or type(error).__name__
        remedy = (
            "another program may have the port: stop it, or change listen_port; a hub that wants certificates cannot be asked"
        )
        return Finding("address", "warning", f"{where}: something listens there and is no hub that answers ({said})", remedy)
    wrong = [f"{name}: {one['detail']}" for name, one in checks.items() if not one["ok"]]
    if wrong:  # a warning: what it lacks is found broken by the check of that name, and counts once
        said = "; ".join(wrong)
        return Finding("address", "warning", f"{where}: a hub is running there and says {said}", "see the other lines here")
    return Finding("address", "ok", f"{where}: a hub is running there and is ready")


def _tls(settings: "Settings") -> Finding:
    if settings.tls_cert_file is None:
        if settings.listen_host in ("127.0.0.1", "::1", "localhost"):
            return Finding("tls", "ok", "off; only this machine can connect")
        return Finding(
            "tls",
            "warning",
            f"off, and {settings.listen_host} can be reached from outside",
            "set tls_cert_file, or have a TLS proxy in front",
        )
    from cryptography import x509

    from lgsp.http.server import tls_context

    try:
        tls_context(settings)
        ends = x509.load_pem_x509_certificate(settings.tls_cert_file.read_bytes()).not_valid_after_utc
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        return Finding(
            "tls",
            "failed",
            f"{settings.tls_cert_file}: {error}",
            "certificate and key must be PEM, belong together and be readable",
        )
    left = ends - datetime.now(UTC)
    if left < timedelta():
        return Finding("tls", "failed", f"{settings.tls_cert_file} ended on {ends:%Y-%m-%d}", "renew it and restart the gateways")
    if left < _RENEW_BEFORE:
        return Finding(
            "tls", "warning", f"{settings.tls_cert_file} ends on {ends:%Y-%m-%d}", "renew it in time, then restart the gateways"
        )
    return Finding("tls", "ok", f"{settings.tls_cert_file} is good until {ends:%Y-%m-%d}")
