"""What a witness keeps: its key, and of each log the checkpoint that it cosigned last. Blocking; called from one thread.

    key.json    name and private key, for this user only
    state.json  by origin, the last checkpoint as its log signed it
    forks/      two checkpoints of one log that cannot both be true
    lock        held by the one witness that works here

A witness that forgets can be shown another tree. So the state is there before the key is, and a key without its state is refused:
whoever restores a folder from a back-up, or loses a file of it, must begin a new witness, with a new key.
"""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec.structs import replace

from lgsp.core.log.checkpoint import Checkpoint, parse_checkpoint
from lgsp.core.log.note import KeyType, NoteInvalid, NoteVerifier, check_name, parse_note
from lgsp.durable import exclusive, make_folder, replace_file
from lgsp.errors import LgspError
from signing.keys import Algorithm
from signing.local_key import LocalKey

_KEY, _STATE, _FORKS, _LOCK = "key.json", "state.json", "forks", "lock"
_MAX_FORKS = 1000  # who can sign for a log could fill the disk otherwise


_Kept = TypeVar("_Kept")


class WitnessUnusable(LgspError):
    """The folder cannot serve a witness, and why."""


class _Key(msgspec.Struct, frozen=True):
    name: str
    pem: str


class _State(msgspec.Struct, frozen=True, kw_only=True):
    format: Literal[1] = 1
    latest: Mapping[str, str] = {}


class Identity(msgspec.Struct, frozen=True):
    """The name of a witness and its key. Never printed."""

    name: str
    key: LocalKey

    @property
    def verifier(self) -> NoteVerifier:
        """The public half. Raises NoteInvalid where the name cannot be one."""
        key = self.key.key
        assert isinstance(key, Ed25519PrivateKey)
        return NoteVerifier(self.name, key.public_key().public_bytes_raw(), KeyType.COSIGNATURE)


class WitnessFolder:
    """At most one process at a time changes it (`alone`)."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._state = _State()

    @property
    def has_key(self) -> bool:
        return (self.path / _KEY).exists()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Raises WitnessUnusable when another witness works here; OSError."""
        with exclusive(self.path / _LOCK) as alone:
            if not alone:
                raise WitnessUnusable(f"another witness works in {self.path}")
            for left in self.path.glob(".*.json.*"):  # of one that was killed while it wrote
                left.unlink()
            yield

    def identity(self, name: str | None) -> Identity:
        """Made on first use, which needs a name; inside `alone`. Raises WitnessUnusable, OSError."""
        if not self.has_key:
            self._begin(name)
        kept = self._decoded(_KEY, _Key)
        if name not in (None, kept.name):
            raise WitnessUnusable(f"this witness is called {kept.name}, not {name}; another one needs a folder of its own")
        if (self.path / _KEY).stat().st_mode & 0o077:
            raise WitnessUnusable(f"{self.path / _KEY} can be read by others: chmod 600; if they may have done so, begin anew")
        try:
            identity = Identity(kept.name, LocalKey.of_pem(kept.pem.encode()))
            if identity.key.algorithm is not Algorithm.ED25519:
                raise ValueError("not a key of Ed25519")
            return identity
        except ValueError as error:
            raise WitnessUnusable(f"{self.path / _KEY} is {error}") from None

    def load(self) -> dict[str, Checkpoint]:
        """By origin, what was cosigned last; inside `alone`. Raises WitnessUnusable, OSError."""
        try:
            self._state = self._decoded(_STATE, _State)
            return {origin: parse_checkpoint(parse_note(note)[0]) for origin, note in self._state.latest.items()}
        except FileNotFoundError:
            raise WitnessUnusable(f"{self.path / _STATE} is gone: what was cosigned is forgotten; begin a new witness") from None
        except NoteInvalid as error:
            raise WitnessUnusable(f"{self.path / _STATE} holds something that is no checkpoint: {error}") from None

    def save(self, origin: str, note: bytes) -> None:
        """On disk when this returns. Raises OSError; what was saved before stands then."""
        changed = replace(self._state, latest={**self._state.latest, origin: note.decode()})
        self._write_state(changed)
        self._state = changed

    def save_fork(self, origin: str, note: bytes) -> bool:
        """`note` beside the checkpoint that was cosigned, each in a file; False when that was done before. Raises OSError."""
        folder = self.path / _FORKS
        make_folder(folder)
        name = hashlib.sha256(note).hexdigest()[:32]
        if (folder / f"{name}.other").exists() or sum(1 for _ in folder.iterdir()) >= _MAX_FORKS:
            return False
        replace_file(folder / f"{name}.cosigned", self._state.latest.get(origin, "").encode())
        replace_file(folder / f"{name}.other", note)
        return True

    def _begin(self, name: str | None) -> None:
        if not name:
            raise WitnessUnusable(
                f"there is no key in {self.path} yet; a new witness needs a name, such as witness.example.gov.vn/1"
            )
        if (self.path / _STATE).exists() and self._decoded(_STATE, _State).latest:
            raise WitnessUnusable(f"{self.path / _KEY} is gone; a new witness needs a folder of its own")
        try:
            check_name(name)
        except NoteInvalid as error:
            raise WitnessUnusable(str(error)) from None
        self._write_state(_State())
        pem = LocalKey.new(Algorithm.ED25519).pem().decode()
        replace_file(self.path / _KEY, msgspec.json.encode(_Key(name, pem)), mode=0o600)

    def _write_state(self, state: _State) -> None:
        replace_file(self.path / _STATE, msgspec.json.format(msgspec.json.encode(state), indent=1) + b"\n")

    def _decoded(self, name: str, kind: type[_Kept]) -> _Kept:
        try:
            return msgspec.json.decode((self.path / name).read_bytes(), type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise WitnessUnusable(f"{self.path / name} is not of this version: {error}") from None
