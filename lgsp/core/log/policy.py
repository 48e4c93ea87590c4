"""Which logs are believed, and which witnesses must have cosigned a checkpoint: a file that people write (C2SP tlog-policy)."""

import re
from collections.abc import Collection, Iterator, Sequence

import msgspec

from lgsp.core.log.checkpoint import SignedCheckpoint, open_checkpoint, parse_checkpoint
from lgsp.core.log.note import KeyType, NoteInvalid, NoteVerifier, parse_note

MAX_POLICY_BYTES = 1_000_000
NONE = "none"
_ALLOWED = re.compile(rb"[\t\n\x20-\x7e\x80-\xff]*")
_WHITE = re.compile(r"[ \t]+")
_NUMBER = re.compile(r"[1-9][0-9]{0,5}", re.ASCII)


class PolicyInvalid(ValueError):
    """No policy; `line`: where, from 1, or 0 when something is missing."""

    def __init__(self, line: int, text: str) -> None:
        self.line = line
        super().__init__(f"line {line}: {text}" if line else text)


class Log(msgspec.Struct, frozen=True):
    """`url`: as written, empty if it is not there."""

    key: NoteVerifier
    url: str = ""


class Witness(msgspec.Struct, frozen=True):
    """`name`: within the policy; that in the key may be another."""

    name: str
    key: NoteVerifier
    url: str = ""


class Group(msgspec.Struct, frozen=True):
    """At least `threshold` of the members, which are witnesses or groups."""

    name: str
    threshold: int
    members: tuple[str, ...]


class Policy(msgspec.Struct, frozen=True):
    """`groups`: each after its members. `quorum`: a witness, a group, or none."""

    logs: tuple[Log, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: str

    def witnessed_by(self, signed: SignedCheckpoint) -> frozenset[str]:
        """The names here of those whose cosignatures were verified."""
        keys = {one.by for one in signed.cosigned}
        return frozenset(one.name for one in self.witnesses if one.key in keys)

    def open(self, octets: bytes | str) -> SignedCheckpoint:
        """A checkpoint that one of the logs signed and enough witnesses cosigned. Raises NoteInvalid."""
        origin = parse_checkpoint(parse_note(octets)[0]).origin
        keys = [one.key for one in self.logs if one.key.name == origin]
        if not keys:
            raise NoteInvalid(f"{origin} is none of the logs of the policy")
        signed = self._signed(octets, keys)
        names = self.witnessed_by(signed)
        if not satisfied(self, names):
            raise NoteInvalid(f"cosigned by {', '.join(sorted(names)) or 'nobody'}, which is no quorum")
        return signed

    def _signed(self, octets: bytes | str, keys: Collection[NoteVerifier]) -> SignedCheckpoint:
        """A log may have several keys: any one of them will do."""
        *before, last = keys
        for key in before:
            try:
                return open_checkpoint(octets, key, [one.key for one in self.witnesses])
            except NoteInvalid:
                continue  # the next key may be the one
        return open_checkpoint(octets, last, [one.key for one in self.witnesses])


def satisfied(policy: Policy, names: Collection[str]) -> bool:
    """`names`: of witnesses of this policy that cosigned; others count nothing."""
    reached = {one.name for one in policy.witnesses}.intersection(names)
    for group in policy.groups:
        if len(reached.intersection(group.members)) >= group.threshold:
            reached.add(group.name)
    return policy.quorum == NONE or policy.quorum in reached


def parse_policy(octets: bytes) -> Policy:
    """Raises PolicyInvalid."""
    if len(octets) > MAX_POLICY_BYTES:
        raise PolicyInvalid(0, f"a policy has at most {MAX_POLICY_BYTES} bytes")
    if not _ALLOWED.fullmatch(octets):
        raise PolicyInvalid(0, "control characters other than tabulator and newline")
    reader = _Reader()
    for number, words in _lines(octets):
        try:
            reader.read(words)
        except (NoteInvalid, _Wrong) as error:
            raise PolicyInvalid(number, str(error)) from None
    return reader.policy()


class _Wrong(ValueError):
    """In a line whose number the caller knows."""


class _Reader:
    """What was defined so far: a name is used behind the line that defines it, and is a member once."""

    def __init__(self) -> None:
        self._logs: list[Log] = []
        self._witnesses: list[Witness] = []
        self._groups: list[Group] = []
        self._quorum: str | None = None
        self._names: set[str] = set()
        self._members: set[str] = set()

    def read(self, words: list[str]) -> None:
        match words:
            case ["log", vkey, *url] if len(url) < 2:
                self._logs.append(Log(_key(vkey, KeyType.ED25519, self._logs), *url))
            case ["witness", name, vkey, *url] if len(url) < 2:
                self._define(name)
                self._witnesses.append(Witness(name, _key(vkey, KeyType.COSIGNATURE, self._witnesses), *url))
            case ["group", name, threshold, *members] if members:
                self._join(members)
                self._groups.append(Group(name, _threshold(threshold, len(members)), tuple(members)))
                self._define(name)
            case ["quorum", name]:
                self._decide(name)
            case _:
                raise _Wrong("not a line for a log, a witness, a group or the quorum")

    def policy(self) -> Policy:
        if self._quorum is None:
            raise PolicyInvalid(0, "there is no line for the quorum")
        return Policy(tuple(self._logs), tuple(self._witnesses), tuple(self._groups), self._quorum)

    def _define(self, name: str) -> None:
        if name == NONE or name in self._names:
            raise _Wrong(f"the name {name} is taken")
        self._names.add(name)

    def _join(self, members: list[str]) -> None:
        for one in members:
            if one not in self._names:
                raise _Wrong(f"{one} is no witness or group of the lines before")
            if one in self._members:
                raise _Wrong(f"{one} is a member already")
            self._members.add(one)

    def _decide(self, name: str) -> None:
        if self._quorum is not None:
            raise _Wrong("there is one line for the quorum")
        if name != NONE and name not in self._names:
            raise _Wrong(f"{name} is no witness or group of the lines before")
        self._quorum = name


def _lines(octets: bytes) -> Iterator[tuple[int, list[str]]]:
    """Octets beyond ASCII stand for nothing but themselves: C2SP tlog-policy, "Character set"."""
    for number, line in enumerate(octets.decode("utf-8", "surrogateescape").split("\n"), start=1):
        words = [word for word in _WHITE.split(line) if word]
        if words and not words[0].startswith("#"):
            yield number, words


def _key(vkey: str, kind: KeyType, known: Sequence[Log] | Sequence[Witness]) -> NoteVerifier:
    """Two keys are the same when the public keys are, whatever their names: C2SP tlog-policy, "Public key representation"."""
    key = NoteVerifier.of(vkey)
    if key.kind is not kind:
        raise _Wrong(f"the key of {key.name} is not of type {kind.value:#04x}")
    if any(one.key.public == key.public for one in known):
        raise _Wrong(f"the key of {key.name} is there twice")
    return key


def _threshold(word: str, members: int) -> int:
    if word in ("any", "all"):
        return 1 if word == "any" else members
    if not _NUMBER.fullmatch(word) or int(word) > members:
        raise _Wrong(f"{word} is neither any, all nor a number from 1 to {members}")
    return int(word)
