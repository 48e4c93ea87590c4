"""`lgsp signature`: what can be said about the signatures on a file. Needs no hub, unless its trust is asked for."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lgsp.commands.common import Failed, Invocation, json_option, print_json, quiet_log, say
from lgsp.commands.compose import read_file
from lgsp.commands.signature_evidence import evidence_of
from lgsp.commands.signature_kinds import NAMES, is_of_a_hub, reports_on
from lgsp.commands.signature_report import file_form, file_lines

if TYPE_CHECKING:
    from signing.paths import Anchors
    from signing.trust import TrustBase

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_OF_A_HUB = """
Đây là biên nhận hoặc thông báo từ chối của trục, ký bằng khóa của trục: lgsp receipt --from {file} --keys jwks.json
This is a receipt or a refusal of a hub, signed with the hub's key: lgsp receipt --from {file} --keys jwks.json"""
_VALID = frozenset({"verified", "verified_revocation_unknown", "verified_weakly"})


@click.group(short_help="Chữ ký số · Check digital signatures.")
def signature() -> None:
    """Chữ ký số · Check digital signatures on XML, PDF, CMS (.p7s, .p7m) and JWS."""


@signature.command()
@json_option
@click.argument("file")
@click.option("--content", type=_FILE, help="The file that a detached signature (.p7s) is over.")
@click.option("--anchor", "anchors", multiple=True, help="Certificate(s) to be trusted, in PEM (repeatable).")
@click.option("--crl", "crls", multiple=True, help="CRL of an authority on the path, DER (repeatable).")
@click.option("--ocsp", "answers", multiple=True, help="OCSP answer about a certificate on the path, DER (repeatable).")
@click.option("--tsa-anchor", "tsa_anchors", multiple=True, help="Certificate(s) trusted for time-stamps, in PEM (repeatable).")
@click.option("--hub", "by_hub", is_flag=True, help="By what this hub trusts and knows of revocation, instead of the four above.")
@click.option("--profile", "name", type=click.Choice(NAMES), help="What the signature must look like; default: by the octets.")
@click.option("--at", "time", help="Time of the check, such as 2026-11-18T08:00:00+07:00; default: now.")
@click.pass_context
def check(
    context: click.Context,
    file: str,
    content: Path | None,
    anchors: tuple[str, ...],
    crls: tuple[str, ...],
    answers: tuple[str, ...],
    tsa_anchors: tuple[str, ...],
    by_hub: bool,
    name: str | None,
    time: str | None,
    as_json: bool,
) -> None:
    """Kiểm tra chữ ký · Check all signatures on FILE and say exactly what was checked.

    Exit status 0: each of them is valid (the content is intact, the certificate leads to an anchor and is not known to be
    revoked); 1: not. What is known of revocation is what --crl and --ocsp name, or what the hub has: nothing is fetched. SHA-1 is
    accepted by the profiles edxml-legacy and cms-legacy alone, which have to be named.
    """
    octets, at = read_file(file), _time(time)
    if by_hub and (anchors or tsa_anchors or crls or answers):
        raise click.UsageError("--hub goes by what the hub trusts and knows: give no --anchor, --tsa-anchor, --crl or --ocsp")
    trust = _of_hub(context.obj) if by_hub else _named_trust(anchors, tsa_anchors)
    reports = reports_on(Path(file), octets, content, name, trust, at)
    if crls or answers:  # whose they are is known by the paths that were found
        trust = replace(trust, snapshot=evidence_of(_named(crls), _named(answers), reports, at))
        reports = reports_on(Path(file), octets, content, name, trust, at)
    if as_json:
        print_json(file_form(file, octets, reports, at))
    else:
        for line, colour in file_lines(file, octets, reports, at):
            say(line, colour)
        if is_of_a_hub(octets):
            say(_OF_A_HUB.format(file=file), "yellow")
    context.exit(0 if all(one.verdict in _VALID for one in reports) else 1)


def _of_hub(invocation: Invocation) -> "TrustBase":
    from lgsp.bootstrap.trust import live_trust

    quiet_log()
    return live_trust(invocation.settings()).current


def _named_trust(anchors: tuple[str, ...], tsa_anchors: tuple[str, ...]) -> "TrustBase":
    from signing.trust import TrustBase

    return TrustBase(documents=_anchors(anchors), time_stamps=_anchors(tsa_anchors))


def _named(files: tuple[str, ...]) -> list[tuple[str, bytes]]:
    return [(one, read_file(one)) for one in files]


def _time(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no time of ISO 8601", param_hint="--at") from None
    if found.tzinfo is None:
        raise click.BadParameter("a zone is missing, such as +07:00 or Z", param_hint="--at")
    return found


def _anchors(files: tuple[str, ...]) -> "Anchors":
    from signing.paths import NO_ANCHORS, Anchors

    found = NO_ANCHORS
    for file in files:
        try:
            found = Anchors((*found.certificates, *Anchors.of_pem(read_file(file)).certificates))
        except ValueError:
            raise Failed(f"{file}: no certificate in PEM", "openssl x509 -inform der -in FILE converts DER") from None
    return found
