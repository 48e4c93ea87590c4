"""`lgsp agency signer`: who signs for an agency, by certificate, by what its subject says, or by a bare key."""

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

import click
import msgspec

from lgsp.commands.access import der_of
from lgsp.commands.agency import DAY, agency, change, code_argument, in_store, known
from lgsp.commands.common import Failed, json_option, print_json, print_table, with_settings
from lgsp.core.directory import Agency
from lgsp.core.signers import Capacity, Signer

if TYPE_CHECKING:
    from lgsp.settings import Settings

_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_CODES = click.Choice(get_args(Capacity))


@agency.group("signer", short_help="Người ký · Who signs for an agency.")
def signer() -> None:
    """Người ký · Certificates and keys by which an agency signs what it sends: its seal, and officials who sign for it."""


@signer.command()
@json_option
@code_argument
@click.option(
    "--certificate", "file", type=_FILE, help="The certificate itself, PEM or DER. It has to be registered anew when renewed."
)
@click.option(
    "--subject",
    "subject",
    multiple=True,
    metavar="NAME=VALUE",
    help="Or what its subject must say, such as UID=MST:1600123456; once for each.",
)
@click.option("--jwk", "jwk_file", type=_FILE, help='Or a public key without certificate, as a JWK with its "alg".')
@click.option(
    "--issuer", "issuer", type=_FILE, help="Certificate of the authority that must have issued it; advised with --subject."
)
@click.option("--as", "holder", type=click.Choice(["seal", "person"]), required=True, help="Whose signature it is.")
@click.option("--name", default="", help="Of the person.")
@click.option("--title", default="", help="Of the person, such as Phó Chủ tịch.")
@click.option(
    "--capacity",
    type=_CODES,
    default="",
    help="How the person signs: TM. thay mặt, KT. ký thay, TL. thừa lệnh, TUQ. thừa ủy quyền, Q. quyền.",
)
@click.option("--on-behalf-of", default="", help="Head or body that the person signs for, such as Chủ tịch.")
@click.option("--from", "begins", type=DAY, help="First day of the registration; default: no bound.")
@click.option("--to", "ends", type=DAY, help="Last day, such as that of a delegation.")
@with_settings
def add(
    settings: "Settings",
    /,
    code: str,
    file: Path | None,
    subject: tuple[str, ...],
    jwk_file: Path | None,
    issuer: Path | None,
    begins: datetime | None,
    ends: datetime | None,
    as_json: bool,
    **stated: Any,
) -> None:
    """Đăng ký người ký · Register who signs for an agency: its seal (con dấu điện tử) or an official.

    \b
      lgsp agency signer add H01.101 --as seal --certificate con-dau.pem
      lgsp agency signer add H01.101 --as person --certificate pct.pem --name "Trần Thị Bình" --title "Phó Chủ tịch" \\
          --capacity KT. --on-behalf-of "Chủ tịch" --to 2027-06-30
      lgsp agency signer add H01.101 --as seal --subject UID=MST:1600123456 --issuer ca.pem

    Whether the certificate leads to a trusted authority is asked with each signature; `lgsp trust` says whom the hub trusts.
    """
    if sum((file is not None, bool(subject), jwk_file is not None)) != 1:
        raise click.UsageError("Name exactly one of --certificate, --subject and --jwk.")
    fingerprint, expires_on = ("", None) if file is None else _certificate(file)
    new = Signer(
        certificate_sha256=fingerprint,
        subject=_subject(subject),
        jwk={} if jwk_file is None else _jwk(jwk_file),
        issuer_sha256="" if issuer is None else _certificate(issuer)[0],
        valid_from=None if begins is None else begins.date(),
        valid_to=None if ends is None else ends.date(),
        expires_on=expires_on,
        **stated,  # holder, name, title, capacity, on_behalf_of
    )

    def added(one: Agency) -> Agency:
        return one if new in one.signers else msgspec.structs.replace(one, signers=(*one.signers, new))

    change(settings, code, added, as_json)


@signer.command("list")
@json_option
@code_argument
@with_settings
def list_(settings: "Settings", code: str, as_json: bool) -> None:
    """Danh sách · Who signs for an agency."""
    directory = in_store(settings, lambda store: store.directory())
    found = directory.agencies[known(directory, code)].signers
    if as_json:
        print_json([{"number": place, **msgspec.to_builtins(one)} for place, one in enumerate(found, 1)])
        return
    columns = ("Số · No.", "Loại · As", "Bằng · By", "Người ký · Who", "Thời hạn · Days", "Chứng thư hết hạn · Expires")
    print_table(f"{len(found)} người ký · signers of {code}", columns, _rows(found))


@signer.command()
@json_option
@code_argument
@click.argument("number", type=click.IntRange(min=1))
@with_settings
def remove(settings: "Settings", code: str, number: int, as_json: bool) -> None:
    """Gỡ người ký · Forget a signer, by its number in the list. What it signed before stays verified."""

    def removed(one: Agency) -> Agency:
        if number > len(one.signers):
            raise Failed(f"{code} has no signer {number}.", f"`lgsp agency signer list {code}` numbers them")
        return msgspec.structs.replace(one, signers=one.signers[: number - 1] + one.signers[number:])

    change(settings, code, removed, as_json)


def _rows(signers: Sequence[Signer]) -> list[tuple[object, ...]]:
    return [
        (
            place,
            one.holder,
            _by(one),
            " ".join(filter(None, (one.capacity, one.title, one.name))),
            f"{one.valid_from or '…'} – {one.valid_to or '…'}",
            one.expires_on,
        )
        for place, one in enumerate(signers, 1)
    ]


def _by(one: Signer) -> str:
    if one.certificate_sha256:
        return f"SHA-256 {one.certificate_sha256[:16]}…"
    return ", ".join(f"{name}={value}" for name, value in one.subject.items()) or f"JWK {one.jwk.get('kid', one.jwk.get('kty'))}"


def _subject(given: tuple[str, ...]) -> dict[str, str]:
    from signing.binding import ATTRIBUTES

    found: dict[str, str] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not value.strip() or name not in ATTRIBUTES or name in found:
            raise click.BadParameter(
                f"{one!r}: NAME=VALUE, each once, of {', '.join(sorted(ATTRIBUTES))}", param_hint="--subject"
            )
        found[name] = value.strip()
    return found


def _jwk(file: Path) -> dict[str, str]:
    from lgsp.core.signatures.whose import problem_of

    try:
        found = msgspec.json.decode(file.read_bytes(), type=dict[str, str])
        if "d" in found:
            raise ValueError("it holds a private key")
        problem = problem_of(Signer(holder="seal", jwk=found))
        if problem:
            raise ValueError(problem)
    except (ValueError, msgspec.MsgspecError) as error:
        remedy = 'a public key as RFC 7517 says, with "alg": "ES256", "ES384", "RS256", "PS256" or "Ed25519"'
        raise Failed(f"{file}: {error}", remedy) from None
    return found


def _certificate(file: Path) -> tuple[str, Any]:
    """Its fingerprint and last day."""
    import hashlib

    from cryptography import x509

    der = der_of(file)
    return hashlib.sha256(der).hexdigest(), x509.load_der_x509_certificate(der).not_valid_after_utc.date()
