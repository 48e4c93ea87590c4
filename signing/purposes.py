"""What certificates are trusted for, and what one must say of itself to be used so (RFC 5280, 4.2.1.3 and 4.2.1.12)."""

from collections.abc import Mapping, Sequence
from enum import StrEnum
from types import MappingProxyType

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID

from signing.extensions import extension
from signing.rules import Refused

# A certificate for these purposes alone signs no documents.
_OTHER_PURPOSES = frozenset(
    {
        ExtendedKeyUsageOID.SERVER_AUTH,
        ExtendedKeyUsageOID.TIME_STAMPING,
        ExtendedKeyUsageOID.OCSP_SIGNING,
        ExtendedKeyUsageOID.CODE_SIGNING,
    }
)


class Purpose(StrEnum):
    """What the holder of the certificate does with its key."""

    DOCUMENTS = "documents"
    TIME_STAMPS = "time_stamps"
    RESPONDERS = "responders"  # answers OCSP


_NEEDED: Mapping[Purpose, x509.ObjectIdentifier] = MappingProxyType(
    {Purpose.TIME_STAMPS: ExtendedKeyUsageOID.TIME_STAMPING, Purpose.RESPONDERS: ExtendedKeyUsageOID.OCSP_SIGNING}
)


def check_end(certificate: x509.Certificate, purpose: Purpose) -> None:
    """That of who signs. An extension that is absent restricts nothing, except where the purpose has to be stated.

    Raises Refused `path.usage`, `timestamp.usage` or `ocsp.responder`.
    """
    code = _CODES[purpose]
    usage, purposes = extension(certificate, x509.KeyUsage), extension(certificate, x509.ExtendedKeyUsage)
    if usage is not None and not (usage.digital_signature or usage.content_commitment):
        raise Refused(code, "keyUsage", "neither digitalSignature nor nonRepudiation")
    needed = _NEEDED.get(purpose)
    if needed is not None and (purposes is None or needed not in purposes):
        raise Refused(code, "extendedKeyUsage", f"not for {needed.dotted_string}")
    if needed is None and purposes is not None and _OTHER_PURPOSES.issuperset(purposes):
        raise Refused(code, "extendedKeyUsage", _dotted(purposes))
    if purpose is Purpose.TIME_STAMPS:
        _check_alone(certificate)


def _check_alone(certificate: x509.Certificate) -> None:
    """RFC 3161, 2.3: critical, and no other purpose beside it."""
    found = certificate.extensions.get_extension_for_class(x509.ExtendedKeyUsage)
    if not found.critical or len(found.value) != 1:
        detail = f"{'critical' if found.critical else 'not critical'}: {_dotted(found.value)}"
        raise Refused("timestamp.usage", "extendedKeyUsage", detail)


def check_authorities(certificates: Sequence[x509.Certificate], purpose: Purpose) -> None:
    """Those between who signs and the anchor. RFC 5280 has no rule for the purposes an authority states; here they bind those
    below it, as everywhere in practice: an authority for servers vouches for no documents. Raises Refused `path.usage`."""
    needed = _NEEDED.get(purpose)
    for one in certificates:
        purposes = extension(one, x509.ExtendedKeyUsage)
        if purposes is None or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in purposes:
            continue
        if _OTHER_PURPOSES.issuperset(purposes) if needed is None else needed not in purposes:
            raise Refused("path.usage", "extendedKeyUsage", f"of the authority: {_dotted(purposes)}")


_CODES: Mapping[Purpose, str] = MappingProxyType(
    {Purpose.DOCUMENTS: "path.usage", Purpose.TIME_STAMPS: "timestamp.usage", Purpose.RESPONDERS: "ocsp.responder"}
)


def _dotted(purposes: x509.ExtendedKeyUsage) -> str:
    return ", ".join(one.dotted_string for one in purposes)
