"""`lgsp key`: the keys that the hub signs with."""

import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from getpass import getuser
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lgsp.commands.common import Failed, json_option, print_json, say, with_settings
from lgsp.commands.key_shown import form_of, show, show_all
from lgsp.commands.recorded import record_action

if TYPE_CHECKING:
    from lgsp.core.key_set import KeyRecord
    from lgsp.settings import Settings
    from lgsp.trust.key_files import KeyFiles
    from signing.keys import Signer

_PURPOSES = ("statements", "receipts", "log")
_FOLLOWED = "Các tiến trình đang chạy tự theo trong một giây · Running processes follow within a second."


@click.group(short_help="Khóa ký của trục · The keys the hub signs with.")
def key() -> None:
    """Khóa ký của trục · Make, change over and retire the keys the hub signs with.

    \b
    statements   receipts, refusals and statuses as JWS (Ed25519); the first key is made by itself
    receipts     receipts and refusals in XML, as XAdES, with a certificate
    log          heads of the evidence log (Ed25519); made by itself. Others know it as `lgsp log vkey` says: give witnesses and
                 auditors the new one before you activate it, the name of the log stays

    \b
    Changing over, without a gap:
      lgsp key new statements
      lgsp key activate statements-2
    """


@key.command("list")
@json_option
@with_settings
def list_(settings: "Settings", as_json: bool) -> None:
    """Danh sách · List the keys, oldest first: what signs, what did, what will."""
    files, now = _files(settings), datetime.now(UTC)
    with _explained():
        keys = files.read()
    rows = [form_of(keys, one, now) for one in keys.keys]
    if as_json:
        print_json(rows)
        return
    show_all(rows)
    if not rows:
        say("Khóa đầu tiên được tạo khi trục khởi động · The first key is made when the hub starts.")


@key.command()
@json_option
@click.argument("purpose", type=click.Choice(_PURPOSES))
@click.option("--algorithm", help="Of a key for receipts: ecdsa-p256-sha256 (default), ecdsa-p384-sha384 or rsa-sha256.")
@click.option("--pem", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Take this private key (PKCS #8).")
@click.option("--token", "in_token", is_flag=True, help="Make it in the PKCS#11 token of the settings, and leave it there.")
@click.option("--label", help="With --token: take the key that is there under this label.")
@with_settings
def new(
    settings: "Settings",
    purpose: str,
    algorithm: str | None,
    pem: Path | None,
    in_token: bool,
    label: str | None,
    as_json: bool,
) -> None:
    """Tạo khóa · Make a key. It is published at once and signs nothing before `lgsp key activate`."""
    from lgsp.core.key_set import ALGORITHMS, Purpose
    from signing.keys import Algorithm

    if (label is not None and not in_token) or (pem is not None and in_token) or (algorithm and (pem or label)):
        raise click.UsageError("--label goes with --token; --pem and --label bring a key whose algorithm is known.")
    known = ALGORITHMS[Purpose(purpose)]
    if algorithm is not None and algorithm not in known:
        raise click.UsageError(f"--algorithm: a key for {purpose} is of {' or '.join(known)}.")
    wanted = known[0] if algorithm is None else Algorithm(algorithm)
    with _explained():
        make = _in_token(settings, label) if in_token else _in_file(pem)
        record = make(_files(settings), Purpose(purpose), wanted)
    _told(settings, record.name, as_json)
    if not as_json:
        after = f"lgsp key request {record.name}" if purpose == "receipts" else f"lgsp key activate {record.name}"
        say(f"Tiếp theo · Next: {after}")


@key.command()
@json_option
@click.argument("name")
@click.option("--at", "time", help="When, such as 2026-12-01T00:00:00+07:00, or now; default: when everybody can know the key.")
@with_settings
def activate(settings: "Settings", name: str, time: str | None, as_json: bool) -> None:
    """Cho ký · Let a key sign, from --at on; the one before it stays published for ten years.

    A key is known to partners 15 minutes after it was made: they ask for the key set every five minutes at most. --at now is for
    emergencies: what is signed meanwhile can be verified by who fetches the key set anew.
    """
    from lgsp.core.key_set import activated

    now = datetime.now(UTC)
    at = None if time is None else now if time == "now" else _time(time, "--at")
    with _explained():
        _files(settings).change(lambda keys: activated(keys, name, at, now))
    _told(settings, name, as_json)


@key.command()
@json_option
@click.argument("name")
@click.option("--until", "time", help="Published until then; default: ten years from now.")
@click.option("--compromised", is_flag=True, help="Somebody else may have it: no longer published, from now on.")
@with_settings
def retire(settings: "Settings", name: str, time: str | None, compromised: bool, as_json: bool) -> None:
    """Thôi dùng · Never sign with a key again. Its private half is deleted, unless it is in a token. There is no way back."""
    if time is not None and compromised:
        raise click.UsageError("Give --until or --compromised.")
    now = datetime.now(UTC)
    until = now if compromised else None if time is None else _time(time, "--until")
    with _explained():
        _files(settings).retire(name, until, now)
    _told(settings, name, as_json)


@key.command()
@json_option
@click.argument("name")
@click.option("--subject", required=True, help='Such as "CN=LGSP tỉnh An Giang,O=Sở Khoa học và Công nghệ,C=VN" (RFC 4514).')
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it there; default: standard output.")
@with_settings
def request(settings: "Settings", name: str, subject: str, out: Path | None, as_json: bool) -> None:
    """Yêu cầu chứng thư · Make a certificate signing request (PKCS #10, PEM) for the authority."""
    from signing.certificate_requests import request_for

    with _explained():
        public = _files(settings).read().named(name).public
        with _signer(settings, name) as signer:
            pem = request_for(signer, public, subject)
    if out is not None:
        out.write_bytes(pem)
    if as_json:
        print_json({"name": name, "request": pem.decode()})
    elif out is None:
        click.echo(pem.decode(), nl=False)
    else:
        say(f"{out}: gửi tổ chức chứng thực · send it to the authority. Then: lgsp key certificate {name} FILE")


@key.command()
@json_option
@click.argument("name")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--self-signed", metavar="SUBJECT", help="For laptops: a certificate by the key itself, which nobody vouches for.")
@with_settings
def certificate(settings: "Settings", name: str, file: Path | None, self_signed: str | None, as_json: bool) -> None:
    """Cài chứng thư · Install the certificate that was issued for a key, with those on the way to the authority's (PEM)."""
    from signing.certificate_requests import self_signed_for

    if (file is None) == (self_signed is None):
        raise click.UsageError("Give FILE or --self-signed.")
    files = _files(settings)
    with _explained():
        if file is not None:
            pem = file.read_bytes()
        else:
            public = files.read().named(name).public
            with _signer(settings, name) as signer:
                pem = self_signed_for(signer, public, self_signed or "", datetime.now(UTC))
        files.certify(name, pem)
    _told(settings, name, as_json)
    if not as_json:
        say(f"Tiếp theo · Next: lgsp key activate {name}")


def _files(settings: "Settings") -> "KeyFiles":
    from lgsp.trust.key_files import KeyFiles

    return KeyFiles(settings.keys_path)


Maker = Callable[["KeyFiles", Any, Any], "KeyRecord"]


def _in_file(pem: Path | None) -> Maker:
    from signing.local_key import LocalKey

    def make(files: "KeyFiles", purpose: Any, algorithm: Any) -> "KeyRecord":
        if pem is None:
            return files.add(purpose, LocalKey.new(algorithm), datetime.now(UTC))
        if stat.S_IMODE(pem.stat().st_mode) & 0o077:
            raise Failed(f"{pem} can be read by others.", f"chmod 600 {pem}; if they may have done so, make another key")
        try:
            return files.add(purpose, LocalKey.of_pem(pem.read_bytes()), datetime.now(UTC))
        except ValueError as error:
            raise Failed(f"{pem} is {error}.", "openssl pkey -in FILE converts other forms") from None

    return make


def _in_token(settings: "Settings", label: str | None) -> Maker:
    from lgsp.bootstrap.keys import token

    def make(files: "KeyFiles", purpose: Any, algorithm: Any) -> "KeyRecord":
        found = token(settings)
        if found is None:
            raise Failed("The settings name no token.", "set pkcs11_module, pkcs11_token and pkcs11_pin_file")
        try:
            if label is not None:
                return files.add_from_token(purpose, found.public(label), label, datetime.now(UTC))
            made = f"lgsp-{purpose}-{datetime.now(UTC):%Y%m%d%H%M%S}"
            return files.add_from_token(purpose, found.generate(algorithm, made), made, datetime.now(UTC))
        finally:
            found.close()

    return make


@contextmanager
def _signer(settings: "Settings", name: str) -> "Iterator[Signer]":
    from lgsp.bootstrap.keys import token

    files = _files(settings)
    record = files.read().named(name)
    if not record.token_label:
        yield files.private(record)
        return
    found = token(settings)
    if found is None:
        raise Failed(f"{name} is in a token, and the settings name none.", "set pkcs11_module")
    try:
        yield found.signer(record)
    finally:
        found.close()


def _told(settings: "Settings", name: str, as_json: bool) -> None:
    """The key as it stands now; a line for audits goes to standard error."""
    from lgsp.commands.trust import audit_log

    with _explained():
        keys = _files(settings).read()
    form = form_of(keys, keys.named(name), datetime.now(UTC))
    audit_log().info("key.changed", key=name, kid=form["kid"], state=form["state"], operator=getuser())
    record_action(settings, "key_changed", f"{name} {form['state']} {form['kid']}")
    if as_json:
        print_json(form)
        return
    show(form)
    say(_FOLLOWED)


def _time(text: str, option: str) -> datetime:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is no time of ISO 8601", param_hint=option) from None
    if found.tzinfo is None:
        raise click.BadParameter("a zone is missing, such as +07:00 or Z", param_hint=option)
    return found


@contextmanager
def _explained() -> Iterator[None]:
    from lgsp.core.key_set import KeyMisuse
    from lgsp.trust.key_files import KeysUnusable
    from lgsp.trust.tokens import TokenError

    try:
        yield
    except KeyMisuse as error:
        raise Failed(f"{error}.", "`lgsp key list` shows the keys", code="key.misuse") from None
    except KeysUnusable as error:
        raise Failed(f"{error}.", "the RUNBOOK says how to get the keys back from the safe", code="key.unusable") from None
    except TokenError as error:
        raise Failed(f"{error}.", "is the token there, are pkcs11_module, its label and PIN right?", code="key.token") from None
    except ValueError as error:  # of a subject
        raise Failed(f"{error}.", 'a subject is such as "CN=LGSP tỉnh An Giang,C=VN"', code="key.subject") from None
    except OSError as error:
        raise Failed(f"{error.filename}: {error.strerror}.", "run it as the hub's user (lgspctl)", code="key.unusable") from None
