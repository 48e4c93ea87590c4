"""`lgsp trust stamp`: a time-stamp over a file, from the authorities that the hub itself asks."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lgsp.commands.certificates import plain
from lgsp.commands.common import Failed, json_option, print_json, quiet_log, run, say, with_settings
from lgsp.commands.compose import read_file
from lgsp.commands.trust import load_trusted, trust

if TYPE_CHECKING:
    from lgsp.settings import Settings
    from signing.report import TimeStamp


@trust.command()
@json_option
@click.argument("file")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Where the token (DER) goes; default: FILE.tst.")
@with_settings
def stamp(settings: "Settings", file: str, out: Path | None, as_json: bool) -> None:
    """Xin dấu thời gian · Get a time-stamp over FILE from the authorities of time_stamp_urls, and verify it.

    Only the SHA-256 of the file is sent. Shows whether the authorities are reachable, and trusted here.
    """
    octets = read_file(file)
    load_trusted(settings)
    quiet_log()
    given = run(_stamped(settings, octets))
    path = Path(f"{file}.tst") if out is None else out
    try:
        path.write_bytes(given.token)
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}", "name another file with --out") from None
    authority = given.path.chain[0].subject.rfc4514_string()
    if as_json:
        print_json(
            {"at": given.at, "policy": given.policy, "serial": f"{given.serial_number:x}", "by": authority, "file": str(path)}
        )
    else:
        say(f"{given.at.isoformat()}  {plain(authority)}\n{path}", "green")


async def _stamped(settings: "Settings", octets: bytes) -> "TimeStamp":
    from lgsp.bootstrap.trust import live_trust, open_stamper
    from lgsp.trust.stamping import NoStamp

    try:
        async with open_stamper(settings, live_trust(settings)) as stamper:
            return await stamper.stamp(octets)
    except NoStamp as error:
        raise Failed(f"Không có dấu thời gian · No time-stamp: {plain(str(error))}", _REMEDY, code="timestamp.none") from None


_REMEDY = "see time_stamp_urls, the network, and whether the authority's anchor is trusted: lgsp trust list"
