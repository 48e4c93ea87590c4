"""`lgsp log verify`: everything recomputed, from the entries to the heads that were signed; every row against its entry."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from lgsp.commands.certificates import plain
from lgsp.commands.common import Failed, Invocation, json_option, print_json, print_table, quiet_log, say
from lgsp.commands.log import log
from lgsp.commands.log_key import LogKeys, together

if TYPE_CHECKING:
    from lgsp.core.audit.finding import Finding
    from lgsp.core.log.checkpoint import Checkpoint
    from lgsp.core.log.note import NoteVerifier
    from lgsp.journal.audit.run import Signed
    from lgsp.monitor.places import Place
    from lgsp.settings import Settings

_SHOWN = 50
_MOST = 10_000
_EVERY = 1000  # rows between two looks at the progress bar
_NOTE = click.Path(exists=True, dir_okay=False, path_type=Path)
_COLUMNS = ("Mã · Code", "Bảng · Table", "Dòng · Row", "Cột · Column", "Phải là · Expected", "Thấy · Found")
_REMEDY = "stop nothing and repair nothing by hand: keep a copy of the journal; deploy/RUNBOOK.md, chapter 13, says how to go on"
_REMEDY_TILES = (
    "see the address; entries are for the operator and `log_readers` alone: --hashes-only does without them, and"
    " `lgsp log monitor URL --entries --from-start` reads them with the credentials of an agency"
)

Step = Callable[[str, int], None]


class Unreadable(Failed):
    """It could not be looked at: exit status 2."""

    exit_code = 2


class Result(NamedTuple):
    """`size`, `root` (hexadecimal): of the tree that came out."""

    size: int
    root: str
    findings: "list[Finding]"


@log.command()
@json_option
@click.option("--tiles", metavar="DIR|URL", help="Read the published log there instead of the journal (C2SP tlog-tiles).")
@click.option(
    "--log-key",
    "log_keys",
    type=LogKeys(),
    multiple=True,
    metavar="VKEY",
    help="Key of the log, or a file of them (GET /log/vkey); else those of this hub.",
)
@click.option(
    "--from", "since", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A signed checkpoint: only after it."
)
@click.option(
    "--to", "until", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="A signed checkpoint: only up to it."
)
@click.option("--hashes-only", is_flag=True, help="With --tiles: without the entries, for who may not read them.")
@click.pass_obj
def verify(
    invocation: Invocation,
    tiles: str | None,
    log_keys: "tuple[tuple[NoteVerifier, ...], ...]",
    since: Path | None,
    until: Path | None,
    hashes_only: bool,
    as_json: bool,
) -> None:
    """Kiểm tra toàn bộ · Recompute the log, and hold the journal against it, row by row.

    Entries make leaves, leaves make the tree, the tree must be the one that was signed: the head outside the database, every
    published checkpoint. Then every row of the journal is compared with the entry that tells of it. Reads one snapshot; the hub
    may go on working. Memory does not grow with the log.

    \b
    Exit status: 0 all is as it was signed; 1 something is not, each finding names table and row; 2 it could not be read.

    With --from or --to the entries between two checkpoints are recomputed, and the tables are left out.
    """
    if hashes_only and tiles is None:
        raise click.UsageError("--hashes-only goes with --tiles.")
    quiet_log()
    started = time.monotonic()
    with _unreadable_explained():
        keys = list(together(log_keys)) if log_keys else _own_keys(invocation.settings())
        bounds = _Bounds(_opened(since, keys), _opened(until, keys))
        if tiles is not None:
            result = _of_tiles(tiles, keys, bounds, not hashes_only)
        else:
            result = _of_journal(invocation.settings(), keys, bounds)
    _tell(result, time.monotonic() - started, as_json)


class _Bounds(NamedTuple):
    begin: "Checkpoint | None"
    end: "Checkpoint | None"

    @property
    def is_whole(self) -> bool:
        return self.begin is None and self.end is None


def _of_journal(settings: "Settings", keys: "list[NoteVerifier]", bounds: _Bounds) -> Result:
    from datetime import UTC, datetime

    from lgsp.bootstrap.stores import open_audit
    from lgsp.bootstrap.trust import live_trust
    from lgsp.core.log.frontier import Frontier
    from lgsp.journal.audit.between import between
    from lgsp.journal.audit.run import STAGES, audit, stamp_time

    signed = _signed_heads(settings)  # before the snapshot: a hub at work signs on
    with open_audit(settings) as source:
        head = source.head()
        signed = signed if head is None else _not_given_up(signed, head.origin, settings.log_name)
        if not bounds.is_whole:
            with _progress({"log_leaves": source.count("log_leaves")}) as step:
                tree, found = between(source, bounds.begin, bounds.end, step)
            return Result(tree.size, tree.root.hex(), found)
        judge = stamp_time(live_trust(settings).current, datetime.now(UTC))
        with _progress({stage: source.count(stage) for stage in STAGES}) as step:
            findings = _first(audit(source, signed, keys, judge, step))
        try:
            root = "" if head is None else Frontier.decode(head.size, head.frontier).root.hex()
        except ValueError:  # a finding by itself
            root = ""
        return Result(0 if head is None else head.size, root, findings)


def _of_tiles(where: str, keys: "list[NoteVerifier]", bounds: _Bounds, with_entries: bool) -> Result:
    return asyncio.run(_recomputed(where, keys, bounds, with_entries))


async def _recomputed(where: str, keys: "list[NoteVerifier]", bounds: _Bounds, with_entries: bool) -> Result:
    from lgsp.core.log.frontier import Frontier
    from lgsp.monitor.places import CHECKPOINT
    from lgsp.monitor.whole import Recomputing, tree_at

    async with place_at(where) as place:
        served = _checkpoint(await place.read(CHECKPOINT), keys, f"{where}/{CHECKPOINT}")
        signed = bounds.end or served
        begin = Frontier() if bounds.begin is None else await tree_at(place, bounds.begin, served.size)
        one = Recomputing(place, signed, begin, served.size, with_entries=with_entries)
        with _progress({"log_leaves": signed.size - begin.size}) as step:
            async for bundle in one.bundles():
                step("log_leaves", len(bundle.hashes))
            if not one.findings:
                await one.check_upper_tiles()
    return Result(one.tree.size, one.tree.root.hex(), one.findings)


@asynccontextmanager
async def place_at(where: str) -> "AsyncIterator[Place]":
    """A published log, in a folder or on the web."""
    from lgsp.monitor.places import Folder, Web

    if not where.startswith(("http://", "https://")):
        yield Folder(Path(where))
        return
    import aiohttp

    async with AsyncExitStack() as stack:
        yield Web(await stack.enter_async_context(aiohttp.ClientSession()), where)


def _signed_heads(settings: "Settings") -> "list[Signed]":
    from lgsp.flow.head_file import HeadFileUnusable, heads_in
    from lgsp.journal.audit.run import Signed

    try:
        return [Signed(one.origin, one.tree, f"head {number}") for number, one in enumerate(heads_in(settings.log_path))]
    except (HeadFileUnusable, OSError) as error:
        raise Unreadable(
            f"The head that was signed last cannot be read: {error}.", "set log_dir, or put its files back"
        ) from None


def _not_given_up(signed: "list[Signed]", origin: str, name: str) -> "list[Signed]":
    """Without the heads of logs before this one, which `lgsp log restart` gave up: only if what lies outside knows of it, too."""
    if origin not in {one.origin for one in signed}:
        return signed
    return [one for one in signed if _begun(one.origin, name) >= _begun(origin, name)]


def _begun(origin: str, name: str) -> int:
    """How many logs there were by then (`lgsp log restart`)."""
    rest = origin.removeprefix(f"{name}/")
    return int(rest) if rest != origin and rest.isdecimal() else 1


def _own_keys(settings: "Settings") -> "list[NoteVerifier]":
    """Under every name that the log had."""
    from lgsp.core.key_set import Purpose
    from lgsp.trust.key_files import KeyFiles
    from lgsp.trust.keys import log_verifier

    records = KeyFiles(settings.keys_path).read().keys
    origins = {settings.log_name, *(one.origin for one in _signed_heads(settings))}
    return [log_verifier(origin, one) for origin in sorted(origins) for one in records if one.purpose is Purpose.LOG]


def _opened(path: Path | None, keys: "list[NoteVerifier]") -> "Checkpoint | None":
    return None if path is None else _checkpoint(path.read_bytes(), keys, str(path))


def _checkpoint(octets: bytes, keys: "list[NoteVerifier]", where: str) -> "Checkpoint":
    """Signed by one of the keys. Raises Unreadable."""
    from lgsp.core.log.checkpoint import parse_checkpoint
    from lgsp.core.log.note import NoteInvalid, open_note

    try:
        checkpoint = parse_checkpoint(open_note(octets, keys).text)
    except NoteInvalid as error:
        raise Unreadable(f"{where}: {error}.", "give the log's key with --log-key; GET /log/vkey answers it") from None
    if checkpoint.origin not in {one.name for one in keys}:
        raise Unreadable(f"{where} is of the log {checkpoint.origin}.", "give the key of that log with --log-key")
    return checkpoint


@contextmanager
def _unreadable_explained() -> Iterator[None]:
    from lgsp.errors import JournalMismatch, JournalUnavailable
    from lgsp.monitor.places import Unreadable as PlaceUnreadable
    from lgsp.trust.key_files import KeysUnusable

    try:
        yield
    except (JournalUnavailable, JournalMismatch) as error:
        raise Unreadable(
            f"The journal cannot be read: {error}", "is it the right one? `lgsp doctor`", code="log.unreadable"
        ) from None
    except (PlaceUnreadable, KeysUnusable, OSError) as error:
        raise Unreadable(str(error), _REMEDY_TILES, code="log.unreadable") from None


@contextmanager
def _progress(totals: dict[str, int]) -> Iterator[Step]:
    """A bar for each thing that is gone through, on standard error, where somebody is watching."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    console = Console(stderr=True)
    columns = (TextColumn("{task.description:<12}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    done: Counter[str] = Counter()
    with Progress(*columns, console=console, transient=True) if console.is_terminal else nullcontext() as bars:
        tasks = {} if bars is None else {name: bars.add_task(name, total=total or None) for name, total in totals.items()}

        def step(name: str, count: int) -> None:
            done[name] += count
            if bars is not None and (done[name] >= _EVERY or count > 1):
                bars.advance(tasks[name], done.pop(name))

        yield step


def _first(findings: "Iterator[Finding]") -> "list[Finding]":
    """A journal that was changed all over need not be listed row by row."""
    found = []
    for one in findings:
        found.append(one)
        if len(found) >= _MOST:
            break
    return found


def _tell(result: Result, took_s: float, as_json: bool) -> None:
    form: dict[str, Any] = {
        "entries": result.size,
        "root": result.root,
        "took_s": round(took_s, 1),
        "findings": [_form(one) for one in result.findings],
    }
    if not result.findings:
        if as_json:
            print_json(form)
        else:
            say(f"✔ {result.size} mục, khớp với mọi điểm kiểm chứng đã ký · entries, as every signed head has them", "green")
            say(f"  {result.root}")
        return
    if not as_json:
        _show(result.findings)
    count = f"{len(result.findings)}{' or more' if len(result.findings) == _MOST else ''}"
    raise Failed(f"{count} điều không khớp với nhật ký · findings.", _REMEDY, code="log.broken", more=form)


def _form(one: "Finding") -> dict[str, str]:
    return {
        "code": one.code,
        "title_vi": one.kind.vi,
        "title": one.kind.en,
        "table": one.table,
        "row": one.row,
        "column": one.column,
        "expected": one.expected,
        "found": one.found,
    }


def _show(findings: "list[Finding]") -> None:
    for code, count in Counter(one.code for one in findings).items():
        kind = next(one.kind for one in findings if one.code == code)
        say(f"{code} ({count}): {kind.vi} · {kind.en}", "red")
    rows = [(one.code, one.table, plain(one.row), one.column, plain(one.expected), plain(one.found)) for one in findings[:_SHOWN]]
    print_table("", _COLUMNS, rows)
    if len(findings) > _SHOWN:
        say(f"... {len(findings) - _SHOWN} nữa · more: --json")
