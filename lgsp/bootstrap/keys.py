"""The hub's own keys."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from cryptography import x509

from lgsp.assembly import utc_now
from lgsp.bootstrap.named import named_by
from lgsp.core.key_set import Purpose
from lgsp.errors import SettingsError
from lgsp.settings import Settings
from lgsp.trust.key_files import KeyFiles, KeysUnusable
from lgsp.trust.keys import HubKeys
from lgsp.trust.tokens import Token
from signing.keys import Algorithm
from signing.local_key import LocalKey


def token_key(settings: Settings) -> bytes:
    """The key that signs access tokens, 32 bytes; made on first use."""
    path = settings.token_key_path
    with named_by("token_key_file" if settings.token_key_file else "data_dir"):
        key = _kept_key(path, lambda: secrets.token_bytes(32))
    if len(key) < 32:
        raise SettingsError(
            [f"token_key_file: {path} holds {len(key)} bytes, at least 32 are needed; remove it to have it made anew"]
        )
    return key


def hub_keys(settings: Settings, clock: Callable[[], datetime] = utc_now) -> HubKeys:
    """The keys under which this hub makes statements; the first one is made on first use. Raises SettingsError."""
    files = KeyFiles(settings.keys_path)
    with named_by("keys_dir" if settings.keys_dir else "data_dir"):
        try:
            for purpose in (Purpose.STATEMENTS, Purpose.LOG):
                files.ensure(purpose, lambda: LocalKey.new(Algorithm.ED25519), clock)
            return HubKeys(files, token(settings), clock)
        except KeysUnusable as error:
            raise SettingsError([f"keys_dir: {error}"]) from None


def token(settings: Settings) -> Token | None:
    """The PKCS#11 token that the settings name."""
    if settings.pkcs11_module is None:
        return None
    return Token(settings.pkcs11_module, settings.pkcs11_token, settings.pkcs11_pin)


def own_certificates(settings: Settings) -> Iterator[x509.Certificate]:
    """Of TLS and of the keys that sign: whose end the hub has to care for itself. What cannot be read is said elsewhere."""
    if settings.tls_cert_file is not None:
        with suppress(OSError, ValueError):
            yield from x509.load_pem_x509_certificates(settings.tls_cert_file.read_bytes())
    with suppress(OSError, KeysUnusable):
        for record in KeyFiles(settings.keys_path).read().keys:
            yield from (x509.load_der_x509_certificate(der) for der in record.certificates)


def _kept_key(path: Path, make: Callable[[], bytes]) -> bytes:
    """Made when missing, readable by the owner only.

    It appears under its name whole or not at all: another gateway may start at the same moment, and this one may die.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(make())
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            path.hardlink_to(draft)
        draft.unlink()
    return path.read_bytes()
