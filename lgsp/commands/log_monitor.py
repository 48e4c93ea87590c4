"""`lgsp log monitor`: follow a log as an outsider does, and say what changes; a fork leaves its proof on disk."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lgsp.commands.certificates import plain
from lgsp.commands.client import HubClient, Identity, identity_options, open_client
from lgsp.commands.common import Failed, json_option, print_json, quiet_log, run_until_stopped, say
from lgsp.commands.log import log
from lgsp.commands.log_key import LogKeys, together
from lgsp.commands.log_verify import Unreadable

if TYPE_CHECKING:
    from lgsp.core.audit.following import Gap
    from lgsp.core.log.note import NoteVerifier
    from lgsp.core.log.policy import Policy
    from lgsp.core.log.record import Record
    from lgsp.monitor.monitor import Look, Monitor
    from lgsp.monitor.places import Place

_REMEDY = "keep the folder as it is, and tell who oversees the hub; deploy/RUNBOOK.md, chapter 11"
_SHOWN = 20  # findings of one look


class Wrong(Failed):
    """What an overseer has to know was seen."""


@log.command()
@json_option
@click.argument("where", metavar="URL|DIR")
@click.option(
    "--log-key",
    "log_keys",
    type=LogKeys(),
    multiple=True,
    required=True,
    metavar="VKEY",
    help="Key of the log, or a file of them; had from elsewhere than the log.",
)
@click.option(
    "--dir",
    "folder",
    default="monitor",
    show_default=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="What was seen last, and proof of forks; of this log alone.",
)
@click.option(
    "--policy", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Who must cosign (C2SP tlog-policy)."
)
@click.option("--max-age-s", type=click.FloatRange(min=1), help="The newest cosignature must not be older; goes with --policy.")
@click.option("--entries", is_flag=True, help="Read the entries, too; for the operator and `log_readers`, who say who they are.")
@click.option("--party", metavar="CODE", help="Tell what concerns this agency, and name gaps in its numbers; reads the entries.")
@click.option("--from-start", is_flag=True, help="Begin with the first entry, not with the checkpoint that is served now.")
@click.option("--once", is_flag=True, help="One look, then end.")
@click.option("--every-s", type=click.FloatRange(min=0.1), default=10.0, show_default=True, help="Seconds between two looks.")
@identity_options
def monitor(
    identity: Identity,
    where: str,
    log_keys: "tuple[tuple[NoteVerifier, ...], ...]",
    folder: Path,
    policy: Path | None,
    max_age_s: float | None,
    entries: bool,
    party: str | None,
    from_start: bool,
    once: bool,
    every_s: float,
    as_json: bool,
) -> None:
    """Theo dõi nhật ký · Follow a log from outside: signature, growth, cosignatures, hashes; a line for each change.

    The root is recomputed from what is new and what was seen before, so a log that was rewritten shows, however it is served.
    Then both signed checkpoints are in forks/ below --dir: whoever has the log's key sees that they cannot both be true.

    \b
      lgsp log monitor https://lgsp.example.gov.vn --log-key 'VKEY' --policy witnesses.txt
      lgsp log monitor http://127.0.0.1:8080 --log-key 'VKEY' --party H01.102 --as HUB

    Exit status: 0 nothing is wrong (with --once, or when it is stopped); 1 something is, and it is said; 2 the log cannot be
    read (with --once; otherwise it is tried again). A fork ends it at once.
    """
    from lgsp.monitor.folder import MonitorFolder
    from lgsp.monitor.monitor import Monitor, Watch

    if max_age_s is not None and policy is None:
        raise click.UsageError("--max-age-s goes with --policy: cosignatures tell the time.")
    quiet_log()

    watch = Watch(
        keys=together(log_keys),
        policy=None if policy is None else _policy(policy),
        max_age_s=max_age_s,
        with_entries=entries or party is not None,
        party=party or "",
        from_start=from_start,
    )
    teller = _Teller(as_json)

    async def follow() -> None:
        async with _place(where, identity, watch.with_entries) as place:
            one = Monitor(place, place_folder, watch)
            while await _look(one, teller, once) and not once:  # noqa: ASYNC110 - nothing tells an outsider
                await asyncio.sleep(every_s)

    place_folder = MonitorFolder(folder)
    with _explained(), place_folder.alone():
        run_until_stopped(follow())
    teller.end()


async def _look(one: "Monitor", teller: "_Teller", once: bool) -> bool:
    """Whether to go on. Raises Unreadable where there is no second look."""
    from lgsp.monitor.places import Unreadable as PlaceUnreadable

    try:
        look = await one.look(datetime.now(UTC))
    except PlaceUnreadable as error:
        if once:
            raise
        teller.unreadable(str(error))
        return True
    teller.tell(look)
    one.keep()
    return not look.is_forked


class _Teller:
    """A line for each change: what is as it was before is not said again."""

    def __init__(self, as_json: bool) -> None:
        self._as_json = as_json
        self._last: tuple[Any, ...] = ()
        self._unreadable = ""
        self._wrong: list[str] = []

    def tell(self, look: "Look") -> None:
        self._unreadable = ""
        for record in look.told:
            self._line(*_told(record))
        for finding in look.findings[:_SHOWN]:
            place = f"{finding.table} {finding.row}"
            self._bad(
                finding.code,
                finding.kind.vi,
                finding.kind.en,
                {"place": place, "expected": finding.expected, "found": finding.found},
            )
        for problem in look.problems:
            self._bad(problem.code, problem.vi, problem.en, {"kept": look.kept} if look.kept else {})
        now = (look.checkpoint.size, look.checkpoint.root, look.cosigned)
        if now != self._last:
            self._last = now
            self._head(look)

    def unreadable(self, why: str) -> None:
        """Said once an outage."""
        if why != self._unreadable:
            self._unreadable = why
            self._line({"event": "log.unreadable", "detail": why}, f"log.unreadable: {why}", "yellow")

    def end(self) -> None:
        """Raises Wrong when anything was."""
        if self._wrong:
            codes = ", ".join(dict.fromkeys(self._wrong))
            raise Wrong(f"Có điều không đúng · Something is wrong: {codes}.", _REMEDY, code=self._wrong[0])

    def _head(self, look: "Look") -> None:
        one, cosigned = look.checkpoint, ", ".join(look.cosigned)
        form = {
            "event": "log.begun" if look.is_first else "log.grown" if look.grown else "log.cosigned",
            "origin": one.origin,
            "size": one.size,
            "grown": look.grown,
            "root": one.root.hex(),
            "cosigned": list(look.cosigned),
        }
        words = f"{one.origin}  {one.size} mục · entries (+{look.grown})  {one.root.hex()[:16]}"
        self._line(form, f"{words}  cosigned: {cosigned}" if cosigned else words, None)

    def _bad(self, code: str, vi: str, en: str, more: dict[str, str]) -> None:
        if code not in self._wrong or more:
            detail = "  ".join(f"{name}: {value}" for name, value in more.items() if value)
            self._line({"event": code, "title_vi": vi, "title": en, **more}, f"{code}: {vi} · {en}  {detail}".rstrip(), "red")
        self._wrong.append(code)

    def _line(self, form: dict[str, Any], words: str, colour: str | None) -> None:
        now = datetime.now(UTC)
        if self._as_json:
            print_json({"at": now, **form}, indent=False)
        else:
            say(f"{now:%Y-%m-%dT%H:%M:%SZ}  {plain(words)}", colour)
        if form["event"] == "number.gap":
            self._wrong.append("number.gap")


def _told(one: "Record | Gap") -> tuple[dict[str, Any], str, str | None]:
    """As a line: JSON, words, colour."""
    import msgspec

    from lgsp.core.audit.following import Gap

    form: dict[str, Any] = msgspec.to_builtins(one)
    if isinstance(one, Gap):
        words = f"number.gap: thiếu số {one.first} đến {one.last} từ {one.sender} đến {one.recipient} · numbers are missing"
        return {"event": "number.gap", **form}, words, "red"
    words = "  ".join(f"{name}={value}" for name, value in form.items() if name != "record")
    return {"event": "log.record", **form}, f"{form['record']}  {words}", None


@asynccontextmanager
async def _place(where: str, identity: Identity, with_entries: bool) -> "AsyncIterator[Place]":
    import aiohttp

    from lgsp.monitor.places import Folder, Web

    if not where.startswith(("http://", "https://")):
        yield Folder(Path(where))
        return
    async with aiohttp.ClientSession() as session:
        web = Web(session, where)
        if not with_entries:
            yield web
            return
        given = identity._replace(given=identity.given._replace(url=where))
        async with open_client(given.profile()) as client:
            yield _Reader(web, client)


class _Reader:
    """Entries are asked for as the agency that one is; everything else as everybody."""

    def __init__(self, web: "Place", client: HubClient) -> None:
        self._web, self._client = web, client

    async def read(self, path: str) -> bytes:
        from lgsp.monitor.places import Unreadable as PlaceUnreadable

        if not path.startswith("tile/entries/"):
            return await self._web.read(path)
        try:
            return await self._client.octets("GET", f"/{path}")
        except Failed as failed:
            raise PlaceUnreadable(f"{path}: {failed.message}") from None


def _policy(path: Path) -> "Policy":
    from lgsp.core.log.policy import PolicyInvalid, parse_policy

    try:
        return parse_policy(path.read_bytes())
    except PolicyInvalid as error:
        raise click.BadParameter(f"{path}: {error}", param_hint="--policy") from None


@contextmanager
def _explained() -> Iterator[None]:
    from lgsp.monitor.folder import MonitorUnusable
    from lgsp.monitor.places import Unreadable as PlaceUnreadable

    try:
        yield
    except PlaceUnreadable as error:
        raise Unreadable(
            f"Không đọc được nhật ký · The log cannot be read: {error}",
            "is the address right, the key of this log?",
            code="log.unreadable",
        ) from None
    except (MonitorUnusable, OSError) as error:
        raise Unreadable(
            f"{error}", "another --dir, or the same one once the other monitor has ended", code="monitor.unusable"
        ) from None
