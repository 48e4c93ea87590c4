"""`lgsp trust check` and `expiring`: where a certificate stands, and what ends when."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import click

from lgsp.commands.certificates import certificate_form, certificate_lines, plain
from lgsp.commands.common import Failed, json_option, print_json, print_table, quiet_log, say, with_settings
from lgsp.commands.compose import read_file
from lgsp.commands.labels import clock
from lgsp.commands.trust import load_trusted, trust

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from lgsp.settings import Settings
    from lgsp.trust.expiry import Ending
    from signing.report import Refusal
    from signing.trust import Standing

_WHAT = {
    "documents": "chứng thư gốc · anchor, documents",
    "time-stamps": "chứng thư gốc · anchor, time-stamps",
    "intermediates": "chứng thực trung gian · intermediate",
    "authority": "tổ chức chứng thực · authority",
    "signer": "người ký · signer",
    "hub": "của trục · the hub's own",
    "registration": "đã đăng ký · registered",
    "crl": "CRL chưa có bản mới · CRL is late",
}


@trust.command()
@json_option
@click.argument("file")
@click.option("--ask", is_flag=True, help="Let the hub find out whether it was revoked, as if a signature had come in.")
@click.pass_context
@with_settings
def check(settings: "Settings", context: click.Context, file: str, ask: bool, as_json: bool) -> None:
    """Kiểm tra chứng thư · Where the first certificate in FILE stands: its path to an anchor, and whether it was revoked.

    Others in the file help to find the path. Goes by what is known on this machine, asks nobody. Exit status 0: trusted and not
    revoked; 1: anything else.
    """
    from signing.report import Revocation, Trust

    signer, others = _certificates(file)
    standing = _standing(settings, signer, others)
    chain = standing.path.chain
    if ask and chain:
        _ask(settings, chain)
    revocation = None if standing.revocation is None else standing.revocation.state
    if as_json:
        print_json(_form(signer, standing))
    else:
        _tell(signer, standing)
        if chain and revocation is Revocation.UNKNOWN and not ask:
            say("→ --ask: trục sẽ tải CRL hoặc OCSP · the hub will find out; see `lgsp trust status`")
    context.exit(0 if standing.path.trust is Trust.TRUSTED and revocation is Revocation.GOOD else 1)


@trust.command()
@json_option
@click.option("--within", default="90d", show_default=True, help='How far to look ahead: "90d", "12w" or "1y".')
@click.pass_context
@with_settings
def expiring(settings: "Settings", context: click.Context, within: str, as_json: bool) -> None:
    """Sắp hết hạn · What ends when: anchors, authorities, signers met and registered, the hub's own certificates, late CRLs.

    Exit status 1 when something has ended already.
    """
    now = datetime.now(UTC)
    found = sorted(
        [*_endings(settings, now, _span(within)), *_registered(settings, now + _span(within))], key=lambda one: one.ends
    )
    if as_json:
        print_json([one._asdict() for one in found])
    elif not found:
        say(f"Không có gì hết hạn trong {within} · Nothing ends within {within}.", "green")
    else:
        rows = ((clock(one.ends), _left(one.ends, now), _WHAT[one.what], plain(one.name), one.sha256[:16]) for one in found)
        print_table("", ("Hết hạn · Ends", "Còn · Left", "", "Tên · Name", "SHA-256"), rows)
    context.exit(1 if any(one.ends <= now for one in found) else 0)


def _certificates(file: str) -> "tuple[Certificate, tuple[Certificate, ...]]":
    from lgsp.trust.store import read_certificates

    try:
        first, *others = read_certificates(read_file(file))
    except ValueError:
        raise Failed(f"{file}: no certificate in PEM or DER", "export it from its source as X.509 (.cer, .crt, .pem)") from None
    return first, tuple(others)


def _standing(settings: "Settings", certificate: "Certificate", others: "tuple[Certificate, ...]") -> "Standing":
    from cryptography.hazmat.primitives.serialization import Encoding

    from lgsp.bootstrap.trust import live_trust
    from signing.certificates import signer_of
    from signing.rules import Refused

    load_trusted(settings)
    try:
        signer, *hints = (signer_of(one.public_bytes(Encoding.DER), "") for one in (certificate, *others))
    except Refused as refused:
        raise Failed(f"{refused.rule.title_vi} · {refused.rule.title_en} {refused.detail}", refused.rule.remedy_en) from None
    return live_trust(settings).current.standing(signer, tuple(hints), datetime.now(UTC))


def _ask(settings: "Settings", chain: "tuple[Certificate, ...]") -> None:
    from lgsp.trust.places import WANTED
    from lgsp.trust.wanted import WantedFolder

    try:
        WantedFolder(settings.revocation_path / WANTED).ask(chain)
    except OSError as error:
        raise Failed(f"{error.filename}: {error.strerror}", "run it as the hub's user: lgspctl trust check") from None


def _tell(certificate: "Certificate", standing: "Standing") -> None:
    from signing.report import Revocation, Trust
    from signing.words import STATES

    path, revocation = standing.path, standing.revocation
    say(certificate_lines(certificate))
    words = STATES[path.trust]
    say(f"\nTin cậy · Trust\n  {words.vi}.\n  {words.en}.", "green" if path.trust is Trust.TRUSTED else "red")
    _tell_refusal(path.refusal)
    for one in path.chain[1:]:
        say(f"  → {plain(one.subject.rfc4514_string())}")
    state = Trust.NOT_CHECKED if revocation is None else revocation.state  # nobody looks without a path
    words = STATES[state]
    say(f"\nThu hồi · Revocation\n  {words.vi}.\n  {words.en}.", "green" if state is Revocation.GOOD else "yellow")
    if revocation is not None:
        _tell_refusal(revocation.refusal)
        if revocation.as_of is not None:
            say(f"  {clock(revocation.as_of)}" + (" (ân hạn · in grace)" if revocation.in_grace else ""))


def _tell_refusal(refusal: "Refusal | None") -> None:
    if refusal is None:
        return
    rule, found = refusal.rule, ": ".join(filter(None, (refusal.place, refusal.detail)))
    say(f"  {rule.code}  {rule.title_vi} · {rule.title_en}", "red")
    say("".join(f"  {line}\n" for line in (plain(found), f"→ {rule.remedy_vi}", f"→ {rule.remedy_en}") if line).rstrip())


def _form(certificate: "Certificate", standing: "Standing") -> dict[str, Any]:
    path, revocation = standing.path, standing.revocation
    return {
        "certificate": certificate_form(certificate),
        "trust": path.trust,
        "trust_refusal": _refusal_form(path.refusal),
        "chain": [certificate_form(one) for one in path.chain],
        "revocation": "unknown" if revocation is None else revocation.state,
        "revocation_as_of": None if revocation is None else revocation.as_of,
        "in_grace": revocation is not None and revocation.in_grace,
        "revoked_at": None if revocation is None else revocation.revoked_at,
        "reason": "" if revocation is None else revocation.reason,
        "revocation_refusal": None if revocation is None else _refusal_form(revocation.refusal),
    }


def _refusal_form(refusal: "Refusal | None") -> dict[str, str] | None:
    if refusal is None:
        return None
    rule = refusal.rule
    texts = {"title": rule.title_en, "title_vi": rule.title_vi, "remedy": rule.remedy_en, "remedy_vi": rule.remedy_vi}
    return {"code": rule.code, "field": refusal.place, "detail": refusal.detail, **texts}


def _endings(settings: "Settings", now: datetime, within: timedelta) -> "list[Ending]":
    from lgsp.bootstrap.keys import own_certificates
    from lgsp.trust.expiry import endings
    from lgsp.trust.inputs import met
    from lgsp.trust.memory import read_report

    trusted, folder = load_trusted(settings), settings.revocation_path
    return endings(trusted, met(folder), own_certificates(settings), read_report(folder).sources.values(), now, within)


def _registered(settings: "Settings", until: datetime) -> "Iterator[Ending]":
    """Of the directory, where there is one: a look must not make a journal."""
    from lgsp.commands.agency import in_store
    from lgsp.trust.expiry import Ending

    if settings.sqlite_path is not None and not settings.sqlite_path.exists():
        return
    quiet_log()
    for agency in in_store(settings, lambda store: store.directory()).agencies.values():
        for one in agency.signers:
            ends = None if one.expires_on is None else datetime(*one.expires_on.timetuple()[:3], tzinfo=UTC)
            if ends is not None and ends <= until:
                yield Ending("registration", f"{agency.code} {one.name or agency.name_vi}", ends, one.certificate_sha256)


def _span(text: str) -> timedelta:
    days = {"d": 1, "w": 7, "y": 365}.get(text[-1:])
    if days is None or not text[:-1].isdecimal() or len(text) > 5:
        raise click.BadParameter(f'{text!r} is not like "90d", "12w" or "1y"', param_hint="--within")
    return timedelta(days=days * int(text[:-1]))


def _left(ends: datetime, now: datetime) -> str:
    days = (ends - now).days
    return f"{days} ngày · d" if ends > now else "đã hết · ended"
