"""`lgsp trust`: whose signatures are believed. Files in trust_dir; running hubs follow within a second or two."""

import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from getpass import getuser
from typing import TYPE_CHECKING, Any

import click

from lgsp.commands.certificates import certificate_form, certificate_lines, plain
from lgsp.commands.common import Failed, json_option, print_json, print_table, quiet_log, say, with_settings
from lgsp.commands.compose import read_file
from lgsp.commands.recorded import record_action

if TYPE_CHECKING:
    from cryptography.x509 import Certificate
    from structlog.typing import FilteringBoundLogger

    from lgsp.settings import Settings
    from lgsp.trust.store import Kept, Purpose, Trusted

PURPOSE_NAMES = ("documents", "time-stamps", "intermediates")
_ADDING = {
    "documents": "Mọi chữ ký dẫn tới chứng thư này sẽ được tin · Every signature that leads to it will be believed.",
    "time-stamps": "Mọi dấu thời gian dẫn tới chứng thư này sẽ được tin · Every time-stamp that leads to it will be believed.",
    "intermediates": "Chỉ giúp tìm đường dẫn, không được tin trực tiếp · Helps to find paths, is not trusted itself.",
}
_COLUMNS = ("Mục đích · Purpose", "Chứng thư · Certificate", "Hết hạn · Ends", "SHA-256", "Thêm · Added", "Ghi chú · Note")


@click.group(short_help="Chứng thư được tin cậy · Whose signatures are believed.")
def trust() -> None:
    """Chứng thư được tin cậy · Trust anchors by purpose, and what is known of revocation."""


@trust.command()
@json_option
@click.argument("file")
@click.option(
    "--purpose", type=click.Choice(PURPOSE_NAMES), required=True, help="What it vouches for; intermediates for nothing."
)
@click.option("--sha256", help="The fingerprint you were told by the authority, in hexadecimal; without it you are asked.")
@click.option("--note", default="", help="Why it is trusted, who confirmed it: read by whoever comes after you.")
@with_settings
def add(settings: "Settings", file: str, purpose: "Purpose", sha256: str | None, note: str, as_json: bool) -> None:
    """Thêm chứng thư được tin cậy · Trust the certificate in FILE (PEM or DER) for one purpose.

    \b
      lgsp trust add RootCA.cer --purpose documents --note "công văn 12/CTS, ngày 3/11"

    Compare its SHA-256 with what the authority publishes elsewhere, on paper or by telephone: whoever can slip in an anchor can
    sign as everybody.
    """
    certificate = _only_one(file)
    _check_authority(certificate, purpose)
    _confirm(certificate, purpose, sha256, as_json)
    store = _store(settings)
    try:
        path = store.add(certificate, purpose, at=datetime.now(UTC), by=getuser(), note=note)
    except OSError as error:
        raise Failed(f"{error.filename}: {error.strerror}", "run it as a user who may write to trust_dir") from None
    _note(settings, certificate, purpose, "added", note)
    if as_json:
        print_json({"purpose": purpose, "file": str(path), **certificate_form(certificate)})
    else:
        say(f"Đã thêm · Added: {path}", "green")


@trust.command("list")
@json_option
@with_settings
def list_(settings: "Settings", as_json: bool) -> None:
    """Danh sách · List everything that is trusted, and the authorities known below."""
    kept = load_trusted(settings).kept
    if as_json:
        print_json([_form(one) for one in kept])
        return
    rows = (
        (
            one.purpose,
            plain(one.certificate.subject.rfc4514_string()),
            f"{one.certificate.not_valid_after_utc:%Y-%m-%d}",
            one.sha256[:16],
            f"{one.added[:10]} {one.by}".strip(),
            plain(one.note),
        )
        for one in kept
    )
    print_table(f"{len(kept)} chứng thư · certificates, {settings.trust_path}", _COLUMNS, rows)


@trust.command()
@json_option
@click.argument("sha256")
@with_settings
def show(settings: "Settings", sha256: str, as_json: bool) -> None:
    """Xem · Show one of them, by the beginning of its SHA-256."""
    one = _found(load_trusted(settings), sha256)
    if as_json:
        print_json(_form(one))
        return
    say(f"{one.purpose}  {one.path}", "cyan")
    say(certificate_lines(one.certificate))
    if one.added:
        say(f"  Thêm · Added: {one.added} {one.by}")
    if one.note:
        say(f"  Ghi chú · Note: {plain(one.note)}")


@trust.command()
@json_option
@click.argument("sha256")
@click.option("--yes", is_flag=True, help="Do not ask.")
@with_settings
def remove(settings: "Settings", sha256: str, yes: bool, as_json: bool) -> None:
    """Bỏ tin cậy · Trust it no more, by the beginning of its SHA-256. Verdicts already given stay as they are."""
    trusted = load_trusted(settings)
    one = _found(trusted, sha256)
    if sum(other.path == one.path for other in trusted.kept) > 1:
        raise Failed(f"{one.path} holds other certificates too.", "take it out of that file by hand")
    if not yes:
        if as_json or not sys.stdin.isatty():
            raise Failed("Nothing was removed: nobody is there to be asked.", "give --yes")
        say(certificate_lines(one.certificate))
        click.confirm(f"Bỏ tin cậy cho {one.purpose}? · Trust it no more?", abort=True)
    try:
        _store(settings).remove(one)
    except OSError as error:
        raise Failed(f"{error.filename}: {error.strerror}", "run it as a user who may write to trust_dir") from None
    _note(settings, one.certificate, one.purpose, "removed", one.note)
    if as_json:
        print_json(_form(one))
    else:
        say(f"Đã bỏ · Removed: {one.path}", "green")


def _store(settings: "Settings") -> Any:
    from lgsp.trust.store import TrustStore

    return TrustStore(settings.trust_path)


def load_trusted(settings: "Settings") -> "Trusted":
    from lgsp.trust.store import TrustUnreadable

    quiet_log()
    try:
        trusted: Trusted = _store(settings).load()
    except TrustUnreadable as error:
        raise Failed(str(error), "mend or remove that file; hubs that run go on with what they read before") from None
    return trusted


def _found(trusted: "Trusted", sha256: str) -> "Kept":
    from lgsp.trust.store import find

    found = find(trusted.kept, sha256)
    if len(found) != 1:
        many = f"{len(found)} certificates begin with {sha256}." if found else f"No certificate begins with {sha256}."
        raise Failed(many, "`lgsp trust list` shows all of them")
    return found[0]


def _only_one(file: str) -> "Certificate":
    from lgsp.trust.store import read_certificates

    try:
        certificates: Sequence[Certificate] = read_certificates(read_file(file))
    except ValueError:
        raise Failed(f"{file}: no certificate in PEM or DER", "export it from its source as X.509 (.cer, .crt, .pem)") from None
    if len(certificates) != 1:
        raise Failed(f"{file} holds {len(certificates)} certificates.", "each is decided by itself: split the file")
    return certificates[0]


def _check_authority(certificate: "Certificate", purpose: str) -> None:
    """An anchor that is no authority vouches for itself alone, which is allowed; an intermediate that is none is a mistake."""
    from cryptography import x509

    try:
        is_authority = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        is_authority = False
    except ValueError as error:
        raise Failed(f"The certificate cannot be read to its end: {error}", "ask its authority for a proper one") from None
    if not is_authority and purpose == "intermediates":
        raise Failed("This is no certificate of an authority (basicConstraints).", "only authorities can help to find paths")
    if certificate.not_valid_after_utc <= datetime.now(UTC):
        raise Failed(f"It ended on {certificate.not_valid_after_utc:%Y-%m-%d}.", "ask its authority for the one in force")


def _confirm(certificate: "Certificate", purpose: str, sha256: str | None, as_json: bool) -> None:
    from lgsp.trust.store import fingerprint

    own = fingerprint(certificate)
    if sha256 is not None:
        if sha256.replace(":", "").replace(" ", "").lower() != own:
            raise Failed(
                f"Its SHA-256 is {own}, which is not what you gave.", "do not trust it: find out where the file comes from"
            )
        return
    if as_json or not sys.stdin.isatty():
        raise Failed(f"Nobody is there to confirm that its SHA-256 is {own}.", "give --sha256 as the authority publishes it")
    say(certificate_lines(certificate))
    say(_ADDING[purpose], "yellow")
    click.confirm("Đã đối chiếu SHA-256 với nguồn khác? · Have you compared its SHA-256 with another source?", abort=True)


def audit_log() -> "FilteringBoundLogger":
    """For what somebody at the hub's machine did, on standard error."""
    from lgsp import log

    log.configure("auto", "info", stream=sys.stderr)
    return log.get_logger()


def _note(settings: "Settings", certificate: "Certificate", purpose: str, state: str, note: str) -> None:
    """The line that audits look for, and the entry of the evidence log."""
    from lgsp.trust.store import fingerprint

    audit_log().info(
        "trust.changed",
        state=state,
        purpose=purpose,
        certificate=fingerprint(certificate),
        subject=certificate.subject.rfc4514_string(),
        operator=getuser(),
        detail=note,
    )
    record_action(settings, f"trust_{state}", f"{purpose} {fingerprint(certificate)}")


def _form(one: "Kept") -> dict[str, Any]:
    added = {"added": one.added, "by": one.by, "note": one.note}
    return {"purpose": one.purpose, "file": str(one.path), **added, **certificate_form(one.certificate)}
