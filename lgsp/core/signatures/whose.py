"""Whose a signature is, by what the directory says of who signs for an agency."""

import re
from collections.abc import Iterable
from datetime import date
from functools import lru_cache

import msgspec

from lgsp.core.signers import Signer
from signing.binding import ATTRIBUTES, Binding, Holder, Registered, bind
from signing.jws_partner import RegisteredKey
from signing.report import SignatureReport, Trust

_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_TELLING = frozenset({"CN", "O", "OU", "UID", "serialNumber", "organizationIdentifier"})


def problem_of(signer: Signer) -> str:
    """What is wrong with the registration, in words; "" when nothing is."""
    if sum(map(bool, (signer.certificate_sha256, signer.subject, signer.jwk))) != 1:
        return "exactly one of certificate_sha256, subject and jwk says who it is"
    if any(one and not _FINGERPRINT.fullmatch(one) for one in (signer.certificate_sha256, signer.issuer_sha256)):
        return "a fingerprint is 64 lower-case hex digits (SHA-256 of the DER)"
    if not signer.subject.keys() <= ATTRIBUTES or any(not value.strip() for value in signer.subject.values()):
        return f"a subject is told by {', '.join(sorted(ATTRIBUTES))}"
    if signer.subject and not signer.subject.keys() & _TELLING:
        return f"a subject names at least one of {', '.join(sorted(_TELLING))}: many live in the same place"
    try:
        _key_of(signer)
    except ValueError as error:
        return f"jwk: {error}"
    return ""


def keys_of(signers: Iterable[Signer], on: date) -> tuple[RegisteredKey, ...]:
    """Keys without certificate that are in force."""
    return tuple(key for one in signers if one.in_force(on) and (key := _key_of(one)) is not None)


def binding_of(signers: Iterable[Signer], report: SignatureReport, on: date) -> Binding | None:
    """None where nothing can be said: the signature is not intact, or no path leads to the certificate."""
    if report.trust is not Trust.TRUSTED or report.path is None:
        return None
    if report.registered_key:
        in_force = (one for one in signers if one.in_force(on))
        known = next(one for one in in_force if (key := _key_of(one)) is not None and key.kid == report.registered_key)
        return Binding(Holder(known.holder), _registered(known))
    return bind(report.path.chain, [_registered(one) for one in signers if not one.jwk], on)


def _registered(signer: Signer) -> Registered:
    return Registered(
        holder=Holder(signer.holder),
        certificate=bytes.fromhex(signer.certificate_sha256),
        subject=tuple(sorted(signer.subject.items())),
        issuer=bytes.fromhex(signer.issuer_sha256),
        capacity=signer.capacity,
        name=signer.name,
        title=signer.title,
        on_behalf_of=signer.on_behalf_of,
        begins=signer.valid_from,
        ends=signer.valid_to,
    )


def _key_of(signer: Signer) -> RegisteredKey | None:
    return _key(msgspec.json.encode(signer.jwk), signer.jwk.get("alg", ""), signer.jwk.get("kid", "")) if signer.jwk else None


@lru_cache(maxsize=4096)
def _key(jwk: bytes, algorithm: str, kid: str) -> RegisteredKey:
    """Raises ValueError for what is no public key of an algorithm that is taken."""
    return RegisteredKey.of(jwk, algorithm, kid)
