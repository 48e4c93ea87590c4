"""`lgsp witness`: cosign the checkpoints of a log, as an agency, the post or an auditor does. Needs no hub and no settings."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import click

from lgsp.commands.common import Failed, json_option, print_json
from lgsp.commands.log_key import LogKeys, together

if TYPE_CHECKING:
    from lgsp.core.log.note import NoteVerifier
    from lgsp.witness.folder import Identity

R = TypeVar("R")


@click.group(short_help="Nhân chứng của nhật ký · Cosign a log's checkpoints, as an outsider.")
def witness() -> None:
    """Nhân chứng · A witness keeps a log from showing one tree to some and another tree to others.

    \b
    lgsp witness key --name thanhtra.angiang.gov.vn/nhan-chung    the line that the hub's operator needs
    lgsp witness run --log "lgsp/HUB+1a2b3c4d+Ab..."              the key is at the hub: GET /log/vkey
    """


def _place_options(command: Callable[..., R]) -> Callable[..., R]:
    folder = click.option(
        "--dir",
        "folder",
        default="witness",
        show_default=True,
        type=click.Path(file_okay=False, path_type=Path),
        help="Its key and what it cosigned; of this witness alone, never restored from a back-up.",
    )
    name = click.option("--name", help="Its name, such as thanhtra.angiang.gov.vn/nhan-chung; needed once, for the first key.")
    return folder(name(command))


@witness.command()
@json_option
@_place_options
def key(folder: Path, name: str | None, as_json: bool) -> None:
    """Khóa công khai · Print the witness's public key (vkey, C2SP signed-note); the key is made on first use."""
    with _explained():
        identity = _identity(folder, name)
    vkey = identity.verifier.vkey
    if as_json:
        print_json({"name": identity.name, "vkey": vkey})
    else:
        click.echo(vkey)


@witness.command()
@_place_options
@click.option(
    "--log",
    "log_keys",
    type=LogKeys(),
    multiple=True,
    required=True,
    metavar="VKEY",
    help="Public key of a log to witness, or a file of them; repeatable.",
)
@click.option("--listen", default="127.0.0.1:8181", show_default=True, metavar="HOST:PORT", help="Where the log reaches it.")
def run(folder: Path, name: str | None, log_keys: "tuple[tuple[NoteVerifier, ...], ...]", listen: str) -> None:
    """Chạy nhân chứng · Serve POST /add-checkpoint (C2SP tlog-witness) until SIGTERM; TLS is a proxy's business."""
    from lgsp import log
    from lgsp.assembly import utc_now
    from lgsp.witness.folder import WitnessFolder
    from lgsp.witness.server import serve
    from lgsp.witness.witness import Witness

    logs, where = _logs(together(log_keys)), _address(listen)
    log.configure()
    place = WitnessFolder(folder)
    with _explained(), place.alone():
        identity = place.identity(name)
        asyncio.run(serve(Witness(place, identity, logs, utc_now), identity.name, len(logs), *where))


def _identity(folder: Path, name: str | None) -> "Identity":
    """Also of a witness that is at work: only who makes the key has to be alone."""
    from lgsp.witness.folder import WitnessFolder

    place = WitnessFolder(folder)
    if place.has_key:
        return place.identity(name)
    with place.alone():
        return place.identity(name)


def _logs(keys: "tuple[NoteVerifier, ...]") -> "dict[str, list[NoteVerifier]]":
    """By origin, which is the name of the key; a log that changes its key over has two."""
    logs: dict[str, list[NoteVerifier]] = {}
    for verifier in keys:
        logs.setdefault(verifier.name, []).append(verifier)
    return logs


class _Address(NamedTuple):
    host: str
    port: int


def _address(text: str) -> _Address:
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise click.BadParameter("expected HOST:PORT, such as 0.0.0.0:8181", param_hint="--listen")
    return _Address(host.strip("[]"), int(port))


@contextmanager
def _explained() -> Iterator[None]:
    from lgsp.errors import CannotListen
    from lgsp.witness.folder import WitnessUnusable

    try:
        yield
    except WitnessUnusable as error:
        remedy = "deploy/RUNBOOK.md, chapter 11, says how a witness is begun and ended"
        raise Failed(
            f"Nhân chứng không chạy được · The witness cannot be used: {error}.", remedy, code="witness.unusable"
        ) from None
    except CannotListen as error:
        raise Failed(f"Cannot listen: {error}.", "choose another --listen", code="witness.cannot_listen") from None
