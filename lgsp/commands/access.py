"""`lgsp agency credential` and `certificate`: how an agency identifies itself."""

import hashlib
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from lgsp.commands.agency import agency, code_argument, in_store, known
from lgsp.commands.common import Failed, json_option, print_json, say, with_settings

if TYPE_CHECKING:
    from lgsp.ports import Store
    from lgsp.settings import Settings


@agency.command()
@json_option
@code_argument
@click.option(
    "--client-id", help="Default: a new one. An existing one of this agency gets a new secret; the old one ends at once."
)
@click.option("--disable", "disable_id", metavar="CLIENT_ID", help="Make no secret; lock this client id out.")
@with_settings
def credential(settings: "Settings", code: str, client_id: str | None, disable_id: str | None, as_json: bool) -> None:
    """Cấp khóa truy cập · Make a client id and secret for an agency. The secret is shown this once; only its hash is kept.

    To change a secret without a gap: make a second credential, let the agency switch, disable the first.
    """
    if disable_id is not None:
        in_store(settings, lambda store: _disable(store, code, disable_id))
        if as_json:
            print_json({"client_id": disable_id, "disabled": True})
        else:
            say(f"Đã khóa · Disabled: {disable_id}. Tokens already given end within token_life_s.", "green")
        return
    from lgsp.bootstrap.keys import token_key

    key = token_key(settings)
    used_id, secret = in_store(settings, lambda store: _issue(store, code, client_id, key))
    if as_json:
        print_json({"agency": code, "client_id": used_id, "client_secret": secret, "url": settings.base_url})
        return
    say("Chỉ hiện một lần · Shown only now; hand it over safely:", "yellow")
    say(f"LGSP_URL={settings.base_url}\nLGSP_SENDER={code}\nLGSP_CLIENT_ID={used_id}\nLGSP_CLIENT_SECRET={secret}")


async def _issue(store: "Store", code: str, client_id: str | None, key: bytes) -> tuple[str, str]:
    from lgsp.http.client_secret import new_secret
    from lgsp.ports import Credential

    owner = known(await store.directory(), code)
    used_id = client_id or f"{code}-{secrets.token_hex(4)}"
    existing = await store.credential(used_id)
    if existing is not None and existing.agency != owner:
        raise Failed(f"{used_id} belongs to {existing.agency}.", "choose another --client-id")
    secret, hashed = new_secret(key, used_id)
    await store.save_credentials([Credential(client_id=used_id, agency=owner, secret_hash=hashed)])
    return used_id, secret


async def _disable(store: "Store", code: str, client_id: str) -> None:
    existing = await store.credential(client_id)
    if existing is None or existing.agency != code:
        raise Failed(f"{code} has no client id {client_id}.", "the agency finds it in its own settings")
    await store.save_credentials([msgspec.structs.replace(existing, disabled=True)])


@agency.command()
@json_option
@code_argument
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=False)
@click.option("--remove", "removed", metavar="SHA256", help="Register nothing; forget the certificate with this fingerprint.")
@with_settings
def certificate(settings: "Settings", code: str, file: Path | None, removed: str | None, as_json: bool) -> None:
    """Đăng ký chứng thư số · Register an agency's client certificate (PEM or DER); it needs no token then."""
    if (file is None) == (removed is None):
        raise click.UsageError("Name either the file of a certificate, or --remove and a fingerprint.")
    if file is not None:
        fingerprint = hashlib.sha256(der_of(file)).hexdigest()
        in_store(settings, lambda store: _register(store, code, fingerprint))
        done = f"Đã đăng ký · Registered for {code}: SHA-256 {fingerprint}"
    else:
        fingerprint = str(removed).replace(":", "").lower()
        in_store(settings, lambda store: _remove(store, code, fingerprint))
        done = f"Đã gỡ · Removed from {code}: SHA-256 {fingerprint}"
    if as_json:
        print_json({"agency": code, "fingerprint": fingerprint, "removed": removed is not None})
    else:
        say(done, "green")


async def _register(store: "Store", code: str, fingerprint: str) -> None:
    await store.save_certificate(fingerprint, known(await store.directory(), code))


async def _remove(store: "Store", code: str, fingerprint: str) -> None:
    if not await store.remove_certificate(fingerprint, known(await store.directory(), code)):
        raise Failed(
            f"{code} has no certificate {fingerprint}.", "SHA-256 of its DER: openssl x509 -noout -fingerprint -sha256 -in FILE"
        )


def der_of(file: Path) -> bytes:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    octets = file.read_bytes()
    try:
        pem = octets.lstrip().startswith(b"-----BEGIN")
        return (x509.load_pem_x509_certificate if pem else x509.load_der_x509_certificate)(octets).public_bytes(Encoding.DER)
    except ValueError as error:
        raise Failed(
            f"{file} is no certificate: {error}", "name the certificate itself, PEM or DER, not its key or a PKCS #12 file"
        ) from None
