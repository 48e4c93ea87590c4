"""`lgsp demo-pki`: certificates for trying things out. Needs no hub."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import click

from contracts.agency import agency_code
from lgsp.commands.common import Failed, Invocation, json_option, print_json, program, run_until_stopped, say

if TYPE_CHECKING:
    from lgsp.ports import Store
    from lgsp.trust.demo_pki import DemoPki

_TWO = {"H01.101": "Ủy ban nhân dân xã Mỹ Hòa Hưng", "H01.10": "Sở Nông nghiệp và Môi trường"}


@click.command("demo-pki", short_help="Chứng thư dùng thử · Certificates for trying things out.")
@json_option
@click.argument("folder", metavar="DIR", type=click.Path(file_okay=False, path_type=Path))
@click.option("--agency", "named", multiple=True, metavar='CODE="NAME"', help="An agency that gets certificates; once for each.")
@click.option("--from-directory", is_flag=True, help="All agencies of the hub's directory get certificates.")
@click.option("--base-url", help="Where lists, OCSP and time-stamps will be served, as written into certificates; only once.")
@click.option("--revoke", metavar="NAME", help='Withdraw one of them, such as "H01.101/seal" or "H01.101/head".')
@click.option("--serve", is_flag=True, help="Serve lists, OCSP and time-stamps on this machine, until Ctrl-C.")
@click.option("--force", is_flag=True, help="Make everything anew, with new keys: what was signed before is trusted no more.")
@click.pass_obj
def demo_pki(
    invocation: Invocation,
    folder: Path,
    named: tuple[str, ...],
    from_directory: bool,
    base_url: str | None,
    revoke: str | None,
    serve: bool,
    force: bool,
    as_json: bool,
) -> None:
    """Chứng thư dùng thử · Make a little PKI in DIR: roots, authorities, a seal and two officials for each agency.

    \b
      lgsp demo-pki var/pki --agency H01.101="Ủy ban nhân dân xã Mỹ Hòa Hưng"
      lgsp demo-pki var/pki --from-directory
      lgsp demo-pki var/pki --revoke H01.101/seal
      lgsp demo-pki var/pki --serve

    Nothing in it has legal value, and every subject says so. Called again it keeps all keys, adds agencies that are new and
    renews the revocation lists. A revoked and an expired certificate are in DIR/examples.
    """
    agencies = _agencies(invocation, named, from_directory)
    at = datetime.now(UTC)
    pki = _opened(folder, agencies, at, base_url, force)
    if revoke is not None:
        pki = _revoked(pki, folder, revoke, at)
    if as_json:
        print_json(_form(pki, folder))
    else:
        _tell(pki, folder)
    if serve:
        run_until_stopped(_serve(pki, folder, as_json))


def _agencies(invocation: Invocation, named: tuple[str, ...], from_directory: bool) -> dict[str, str]:
    """Names by code."""
    found: dict[str, str] = _of_directory(invocation) if from_directory else {}
    for text in named:
        code, is_given, name = text.partition("=")
        if not is_given or not name.strip():
            raise click.BadParameter(f'{text!r} is not CODE="NAME"', param_hint="--agency")
        found[agency_code(code, "--agency")] = name.strip().strip('"')
    return found


def _of_directory(invocation: Invocation) -> dict[str, str]:
    from lgsp.commands.agency import in_store

    async def work(store: "Store") -> dict[str, str]:
        return {one.code: one.name_vi for one in (await store.directory()).agencies.values() if one.closed_on is None}

    return in_store(invocation.settings(), work)


def _opened(folder: Path, agencies: Mapping[str, str], at: datetime, base_url: str | None, force: bool) -> "DemoPki":
    from lgsp.trust.demo_pki import DEFAULT_BASE_URL
    from lgsp.trust.demo_pki.pki import open_folder, remove

    try:
        if force:
            remove(folder)
        is_new = not (folder / "pki.json").exists()
        if is_new and folder.is_dir() and any(folder.iterdir()):
            raise Failed(
                f"{folder} is not empty, and holds no complete PKI of this command.",
                "name another folder; after a run that was interrupted --force begins again",
            )
        pki = open_folder(folder, agencies or (_TWO if is_new else {}), at, (base_url or DEFAULT_BASE_URL).rstrip("/"))
    except OSError as error:
        raise Failed(f"{error.filename or folder}: {error.strerror}", "name a folder you may write to") from None
    except ValueError as error:
        raise Failed(f"{folder}: what is kept there is damaged ({error})", "--force makes it anew, with new keys") from None
    if base_url is not None and pki.base_url != base_url.rstrip("/"):
        raise Failed(f"{folder} was made for {pki.base_url}, which its certificates name.", "--force makes them anew")
    return pki


def _revoked(pki: "DemoPki", folder: Path, name: str, at: datetime) -> "DemoPki":
    try:
        pki = pki.with_revoked(f"agencies/{name}", at)
    except KeyError:
        raise Failed(
            f"There is no certificate {name}.", 'name CODE/seal, CODE/head or CODE/deputy, such as "H01.101/seal"'
        ) from None
    pki.save(folder, at)
    return pki


async def _serve(pki: "DemoPki", folder: Path, as_json: bool) -> None:
    """On this machine only, whatever the name in the address: it is a toy."""
    from aiohttp import web

    from lgsp.trust.demo_pki.server import Followed, make_app

    port = urlsplit(pki.base_url).port or 80
    runner = web.AppRunner(make_app(Followed(folder)), access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", port).start()
    except OSError as error:
        await runner.cleanup()
        raise Failed(
            f"127.0.0.1:{port}: {error.strerror}", "does another one run? --base-url with --force names another port"
        ) from None
    if not as_json:
        say(f"\n{pki.base_url}: CRL, OCSP, TSA ({pki.base_url}/tsa). Ctrl-C.", "cyan")
    await asyncio.Event().wait()


def _form(pki: "DemoPki", folder: Path) -> dict[str, Any]:
    """Paths of what a program needs; a key stands beside its certificate."""
    return {
        "folder": str(folder),
        "base_url": pki.base_url,
        "anchors": {use: f"{folder}/anchors/{use}.pem" for use in ("documents", "time-stamps")},
        "agencies": {
            code: {"name": name, **{role: f"{folder}/agencies/{code}/{role}.pem" for role in ("seal", "head", "deputy")}}
            for code, name in pki.agencies.items()
        },
        "examples": {state: f"{folder}/examples/{state}.pem" for state in ("revoked", "expired")},
        "revoked": pki.revoked,
    }


def _tell(pki: "DemoPki", folder: Path) -> None:
    say(f"{folder}: {len(pki.agencies)} cơ quan · agencies, {len(pki.holders)} chứng thư · certificates", "green")
    say("CHỈ ĐỂ THỬ NGHIỆM, KHÔNG CÓ GIÁ TRỊ PHÁP LÝ · For trying things out: no legal value.", "yellow")
    for code in list(pki.agencies)[:3]:
        say(f"  {code}  {pki.agencies[code]}\n    {folder}/agencies/{code}/: seal (con dấu), head, deputy; .pem + .key")
    if len(pki.agencies) > 3:
        say(f"  … {folder}/pki.json")
    anchors = f"{folder}/anchors"
    say(f"\nTiếp theo · Next:\n  {program()} trust add {anchors}/documents.pem --purpose documents")
    say(f"  {program()} trust add {anchors}/time-stamps.pem --purpose time-stamps")
    say(f"  {program()} demo-pki {folder} --serve    (LGSP_REVOCATION_HOSTS={urlsplit(pki.base_url).netloc})")
