"""`lgsp evidence`: bundles of proof, taken away and checked."""

import os
import tempfile
from collections.abc import Callable, Coroutine
from getpass import getuser
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

import click

from lgsp.commands.client import Identity, Profile, identity_options, open_client
from lgsp.commands.common import Failed, Invocation, json_option, print_json, quiet_log, run, say
from lgsp.evidence.command import verify

if TYPE_CHECKING:
    from lgsp.ports import EnvelopeRecord, Store
    from lgsp.settings import Settings

_MAX_ENVELOPES = 1000
Write = Callable[[IO[bytes]], Coroutine[Any, Any, None]]


@click.group(short_help="Gói chứng cứ · Bundles of evidence, and the offline verifier.")
def evidence() -> None:
    """Gói chứng cứ · Take away evidence of a message or a case, and check it without hub or network."""


evidence.add_command(verify)


@evidence.command()
@json_option
@click.argument("envelope", metavar="SENDER/MESSAGE_ID", required=False)
@click.option("--case", "case", help="Every envelope that bears this number of a case, document or parcel.")
@click.option("-o", "--out", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The bundle, such as x.asice.")
@click.option(
    "--all", "over_all", is_flag=True, help="All of it, from the hub's own journal: for operators and auditors at the hub."
)
@identity_options
@click.pass_obj
def export(
    invocation: Invocation, identity: Identity, envelope: str | None, case: str | None, out: Path, over_all: bool, as_json: bool
) -> None:
    """Lấy chứng cứ · Write everything that proves an envelope, or a case, into one file.

    \b
      lgsp evidence export H01.101/m-1 -o m-1.asice --as H01.101
      lgspctl evidence export --case H01.101-261128-0012 -o ho-so.asice --all
      lgsp evidence verify m-1.asice --log-key log.vkey --hub-keys jwks.json

    An agency gets what it may see. With --all the journal is read here, at the hub, and the log records who took it away.
    """
    sender, slash, message_id = (envelope or "").partition("/")
    if (envelope is None) == (case is None) or (envelope is not None and not (sender and slash and message_id)):
        raise click.UsageError("Give SENDER/MESSAGE_ID as in the receipt, or --case with a number.")
    if over_all:
        settings = invocation.settings()
        _written(out, lambda file: _from_journal(settings, envelope, case, file))
    else:
        envelope_path = f"/v1/envelopes/{quote(sender, safe='')}/{quote(message_id, safe='')}/evidence"
        path = envelope_path if case is None else f"/v1/cases/{quote(case, safe='')}/evidence"
        _written(out, lambda file: _fetched(identity.profile(), path, file))
    if as_json:
        print_json({"file": str(out), "bytes": out.stat().st_size})
    else:
        say(f"{out} ({out.stat().st_size} bytes)", "green")
        say(f"  lgsp evidence verify {out} --log-key VKEY --hub-keys jwks.json --trust DIR")


def _written(out: Path, write: Write) -> None:
    """Under its name as a whole or not at all."""
    try:
        with tempfile.NamedTemporaryFile(dir=out.absolute().parent, prefix=f".{out.name}.", delete=False) as file:
            draft = Path(file.name)
            try:
                run(write(file))
                file.flush()
                os.fsync(file.fileno())
                draft.replace(out)
            except BaseException:
                draft.unlink(missing_ok=True)
                raise
    except OSError as error:
        raise Failed(f"{out}: {error.strerror}", "give a file that can be written: -o FILE") from None


async def _fetched(profile: Profile, path: str, file: IO[bytes]) -> None:
    async with open_client(profile) as hub:
        file.write(await hub.octets("GET", path))


async def _from_journal(settings: "Settings", envelope: str | None, case: str | None, file: IO[bytes]) -> None:
    """As a gateway makes it, in this process."""
    from lgsp.bootstrap.keys import hub_keys
    from lgsp.bootstrap.log import evidence_desk, open_log
    from lgsp.bootstrap.stores import open_store
    from lgsp.flow.evidence import Asked
    from lgsp.flow.evidence_parts import Part

    quiet_log()
    keys = hub_keys(settings)
    try:
        async with open_store(settings) as store:
            records = await _records(store, envelope, case)
            keeper = await open_log(settings, store, keys)
            try:
                directory = await store.directory()
                desk = evidence_desk(settings, store, keys, keeper, lambda: directory)
                parts = [Part(one) for one in records]
                await desk.export(Asked(envelope or case or "", "operator", "whole", parts, by=getuser()), file)
            finally:
                keeper.close()
    finally:
        keys.close()


async def _records(store: "Store", envelope: str | None, case: str | None) -> "list[EnvelopeRecord]":
    from contracts.agency import AgencyCode
    from contracts.text import identifier_key

    if case is not None:
        found = await store.find_case(identifier_key(case), None, _MAX_ENVELOPES)
    else:
        sender, _, message_id = (envelope or "").partition("/")
        one = await store.envelope(AgencyCode(sender), message_id)
        found = [] if one is None else [one]
    if not found:
        raise Failed(f"The journal has nothing of {envelope or case}.", "give SENDER/MESSAGE_ID or a number as in `lgsp trace`")
    return found


@evidence.command()
@json_option
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Default: lgsp-evidence-verify.pyz here.")
def verifier(out: Path | None, as_json: bool) -> None:
    """Chương trình kiểm tra độc lập · Write `lgsp evidence verify` as one file that needs nothing but Python.

    It carries what is installed here, compiled packages too, so it is for the version of Python and the kind of machine that are
    named; started elsewhere it says so. Whoever gets it compares its SHA-256 with what you tell them by other means.
    """
    from lgsp.commands.verifier_file import NAME, sha256_of, write_verifier

    path = out or Path(NAME)
    try:
        built = write_verifier(path)
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}", "give a file that can be written: -o FILE") from None
    digest = sha256_of(path)
    if as_json:
        print_json({"file": str(path), "sha256": digest, "python": built.python, "system": built.system})
        return
    say(f"{path}\n  SHA-256 {digest}", "green")
    say(f"  Dành cho · For: Python {built.python}, {built.system}")
    say(f"  python3 {path.name} FILE.asice --log-key VKEY --hub-keys jwks.json --trust DIR")
