"""The keys of the hub in a folder: `keys.json` says which there are, `<name>.pem` holds the private half of each that is a file.

Whoever reads sees a whole set: files appear under their names complete and on disk. A key's file is there before the set names
it, and goes after the set has given it up; so at whatever line this is killed, every key of the set can be used. What is left
over is a file that nobody names, which the next key of that name replaces.
"""

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from lgsp.core.key_set import KeyMisuse, KeyRecord, KeySet, Purpose, activated, added, certified, retired
from lgsp.errors import LgspError
from signing.local_key import LocalKey, algorithm_of_public

SET = "keys.json"
_LOCK = ".lock"
_DRAFT = ".draft-"
_MAX_CERTIFICATES = 6
_decode = msgspec.json.Decoder(KeySet).decode


class KeysUnusable(LgspError):
    """A file of the key store cannot be used, and why; nothing of a key is in the text."""


class KeyFiles:
    """Many may read at once; changes are made one after the other, over all processes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def stamp(self) -> tuple[int, int] | None:
        """Differs from what it was as soon as the set was changed; None while there is none."""
        try:
            found = (self.folder / SET).stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns

    def read(self) -> KeySet:
        """Raises KeysUnusable, OSError."""
        path = self.folder / SET
        try:
            return _decode(path.read_bytes())
        except FileNotFoundError:
            return KeySet()
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise KeysUnusable(f"{path} is not a set of keys of this version: {error}") from None

    def private(self, record: KeyRecord) -> LocalKey:
        """Raises KeysUnusable, OSError."""
        path = self._file(record)
        if path.stat().st_mode & 0o077:
            raise KeysUnusable(f"{path} can be read by others: chmod 600 {path}; if they may have done so, make another key")
        try:
            key = LocalKey.of_pem(path.read_bytes())
        except ValueError as error:
            raise KeysUnusable(f"{path} is {error}") from None
        if key.public() != record.public:
            raise KeysUnusable(f"{path} is another key than the one that {SET} names {record.name}")
        return key.with_certificates(record.certificates)

    def add(self, purpose: Purpose, key: LocalKey, now: datetime) -> KeyRecord:
        """A private key of our own, not signing yet. Raises KeyMisuse, KeysUnusable, OSError."""
        with self._alone():
            keys, record = added(self.read(), purpose, key.algorithm, key.public(), now)
            self._write(self._file(record), key.pem())
            self._write_set(keys)
        return record

    def add_from_token(self, purpose: Purpose, public: bytes, label: str, now: datetime) -> KeyRecord:
        """A key that stays in the token, not signing yet. Raises KeyMisuse, KeysUnusable, OSError."""
        keys = self.change(lambda keys: added(keys, purpose, algorithm_of_public(public), public, now, label)[0])
        return keys.keys[-1]

    def change(self, decide: Callable[[KeySet], KeySet]) -> KeySet:
        """What `decide` makes of the set. Raises what it raises, KeysUnusable, OSError."""
        with self._alone():
            keys = decide(self.read())
            self._write_set(keys)
        return keys

    def ensure(self, purpose: Purpose, make: Callable[[], LocalKey], clock: Callable[[], datetime]) -> None:
        """A key of this purpose that signs now, made when there is none. Raises KeysUnusable, OSError."""
        if self.read().current(purpose, clock()) is not None:
            return
        with self._alone():
            keys, now = self.read(), clock()  # now: later than whatever another process wrote before
            if keys.current(purpose, now) is None:
                key = make()
                keys, record = added(keys, purpose, key.algorithm, key.public(), now)
                self._write(self._file(record), key.pem())
                self._write_set(activated(keys, record.name, now, now))

    def retire(self, name: str, until: datetime | None, now: datetime) -> KeySet:
        """Also removes the private half, if it is a file. Raises KeyMisuse, KeysUnusable, OSError."""
        keys = self.change(lambda keys: retired(keys, name, until, now))
        self._file(keys.named(name)).unlink(missing_ok=True)
        self._sync()
        return keys

    def certify(self, name: str, pem: bytes) -> KeySet:
        """`pem`: the certificate of the key and those on the way to the authority's. Raises KeyMisuse, KeysUnusable, OSError."""
        record = self.read().named(name)
        chain = _ordered(record, pem)
        return self.change(lambda keys: certified(keys, name, chain))

    def _file(self, record: KeyRecord) -> Path:
        return self.folder / f"{record.name}.pem"

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self.folder / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            for left in self.folder.glob(f"{_DRAFT}*"):
                left.unlink()
            yield
        finally:
            os.close(descriptor)

    def _write_set(self, keys: KeySet) -> None:
        self._write(self.folder / SET, msgspec.json.format(msgspec.json.encode(keys), indent=2) + b"\n")

    def _write(self, path: Path, octets: bytes) -> None:
        """Under its name whole or not at all, and on disk when this returns."""
        draft = self.folder / f"{_DRAFT}{secrets.token_hex(8)}"
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(octets)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        self._sync()

    def _sync(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _ordered(record: KeyRecord, pem: bytes) -> tuple[bytes, ...]:
    """The key's own certificate first, each one followed by its issuer's; the authority's own is left out. Raises KeyMisuse."""
    try:
        given = x509.load_pem_x509_certificates(pem)
    except ValueError:
        raise KeyMisuse("no certificate in PEM; openssl x509 -inform der -in FILE converts DER") from None
    spki = Encoding.DER, PublicFormat.SubjectPublicKeyInfo
    own = [one for one in given if one.public_key().public_bytes(*spki) == record.public]
    if len(own) != 1:
        raise KeyMisuse(f"{len(own)} of these {len(given)} certificates are of the key {record.name}; exactly one has to be")
    chain, rest = own, [one for one in given if one is not own[0] and one.subject != one.issuer]
    while issuer := next((one for one in rest if one.subject == chain[-1].issuer), None):
        chain.append(issuer)
        rest.remove(issuer)
    if rest or len(chain) > _MAX_CERTIFICATES:
        raise KeyMisuse("a certificate among them is on no way from the key's to the authority's; leave it out")
    return tuple(one.public_bytes(Encoding.DER) for one in chain)
