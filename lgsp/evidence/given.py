"""What whoever checks a bundle brings along: keys and anchors had from elsewhere, which make proof of what fits together."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509

from lgsp.core.log.note import NoteInvalid, NoteVerifier
from lgsp.core.log.policy import Policy, PolicyInvalid, parse_policy
from signing.jose import thumbprint_of_jwk, thumbprints
from signing.paths import NO_ANCHORS, Anchors

_MAX_BYTES = 4 * 2**20


class Unusable(ValueError):
    """A file that was named does not hold what it should; the text names it."""


@dataclass(frozen=True, slots=True)
class Given:
    """`log_keys`: of the log; `hub_keys`: thumbprints (RFC 7638) of the hub's public keys, None: none were given; `policy`: logs,
    witnesses and quorum (C2SP tlog-policy); `documents`, `time_stamps`: anchors; `partners`: thumbprints of keys that senders
    have registered without a certificate."""

    log_keys: tuple[NoteVerifier, ...] = ()
    hub_keys: frozenset[str] | None = None
    policy: Policy | None = None
    documents: Anchors = NO_ANCHORS
    time_stamps: Anchors = NO_ANCHORS
    partners: frozenset[str] = frozenset()


def given(
    log_keys: Iterable[str] = (),
    hub_keys: Path | None = None,
    policy: Path | None = None,
    trust: Path | None = None,
) -> Given:
    """`log_keys`: vkeys (C2SP signed-note), or files with some; `hub_keys`: a JWK set; `trust`: a folder, see `_certificates` and
    `_partners`. Raises Unusable."""
    documents, time_stamps, partners = NO_ANCHORS, NO_ANCHORS, frozenset[str]()
    if trust is not None:
        if not trust.is_dir():
            raise Unusable(f"{trust}: no folder")
        between = tuple(_certificates(trust, "intermediates"))
        documents = Anchors(tuple(_certificates(trust, "documents")), between)
        time_stamps = Anchors(tuple(_certificates(trust, "time-stamps")), between)
        partners = frozenset(_partners(trust))
    return Given(
        tuple(key for one in log_keys for key in _log_keys(one)),
        None if hub_keys is None else _hub_keys(hub_keys),
        None if policy is None else _policy(policy),
        documents,
        time_stamps,
        partners,
    )


def _log_keys(text: str) -> Iterator[NoteVerifier]:
    """A vkey is a name, a hash and a key with + between: no path of a file looks like it by accident. A file: one a line."""
    path = Path(text)
    if text.count("+") < 2 or path.is_file():
        text = _octets(path).decode("utf-8", "replace")
    for one in text.split():
        try:
            yield NoteVerifier.of(one)
        except NoteInvalid as error:
            raise Unusable(f"{one[:80]}: {error}") from None


def _policy(path: Path) -> Policy:
    try:
        return parse_policy(_octets(path))
    except PolicyInvalid as error:
        raise Unusable(f"{path}: {error}") from None


def _hub_keys(path: Path) -> frozenset[str]:
    try:
        return thumbprints(_octets(path))
    except ValueError as error:
        raise Unusable(f"{path}: {error}") from None


def _certificates(folder: Path, purpose: str) -> Iterator[x509.Certificate]:
    """Of a hub's own trust folder (anchors/documents/*.pem), or of one made by hand (documents/*.pem)."""
    for path in (*sorted(folder.glob(f"anchors/{purpose}/*.pem")), *sorted(folder.glob(f"{purpose}/*.pem"))):
        try:
            yield from x509.load_pem_x509_certificates(_octets(path))
        except ValueError as error:
            raise Unusable(f"{path}: no certificate in PEM ({error})") from None


def _partners(folder: Path) -> Iterator[str]:
    """partners/*.jwk: a public key each."""
    for path in sorted(folder.glob("partners/*.jwk")):
        try:
            yield thumbprint_of_jwk(_octets(path))
        except ValueError as error:
            raise Unusable(f"{path}: {error}") from None


def _octets(path: Path) -> bytes:
    try:
        with path.open("rb") as opened:
            octets = opened.read(_MAX_BYTES + 1)
    except OSError as error:
        raise Unusable(f"{path}: {error.strerror}") from None
    if len(octets) > _MAX_BYTES:
        raise Unusable(f"{path}: more than {_MAX_BYTES} bytes")
    return octets
