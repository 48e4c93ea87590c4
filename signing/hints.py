"""What the certificates of a path say about where evidence lies: hints from strangers, for who decides what is fetched."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from cryptography import x509
from cryptography.x509.oid import AuthorityInformationAccessOID

from signing.extensions import extension

_MAX_URLS = 4  # of each kind; a certificate with more gains nothing by them
_MAX_URL_CHARS = 1000


@dataclass(frozen=True, slots=True)
class Hints:
    """Of one certificate below the anchor. `crls`: distribution points, also of delta lists; `ocsp`, `issuers`: authority
    information access. All are http or https, printable ASCII, unchecked otherwise: the host may be anything."""

    certificate: x509.Certificate = field(repr=False)
    issuer: x509.Certificate = field(repr=False)
    crls: tuple[str, ...] = ()
    ocsp: tuple[str, ...] = ()
    issuers: tuple[str, ...] = ()


def hints(chain: Sequence[x509.Certificate]) -> tuple[Hints, ...]:
    """`chain`: from a certificate to its anchor, as in `report.Path`. One for each certificate but the anchor."""
    return tuple(_hints(certificate, issuer) for certificate, issuer in pairwise(chain))


def _hints(certificate: x509.Certificate, issuer: x509.Certificate) -> Hints:
    points = (*(extension(certificate, x509.CRLDistributionPoints) or ()), *(extension(certificate, x509.FreshestCRL) or ()))
    access = tuple(extension(certificate, x509.AuthorityInformationAccess) or ())
    return Hints(
        certificate,
        issuer,
        crls=_urls(name for point in points for name in point.full_name or ()),
        ocsp=_urls(one.access_location for one in access if one.access_method == AuthorityInformationAccessOID.OCSP),
        issuers=_urls(one.access_location for one in access if one.access_method == AuthorityInformationAccessOID.CA_ISSUERS),
    )


def _urls(names: Iterable[x509.GeneralName]) -> tuple[str, ...]:
    found = dict.fromkeys(one.value for one in names if isinstance(one, x509.UniformResourceIdentifier) and _is_url(one.value))
    return tuple(found)[:_MAX_URLS]


def _is_url(text: str) -> bool:
    web = text.lower().startswith(("http://", "https://"))
    return web and len(text) <= _MAX_URL_CHARS and text.isascii() and text.isprintable() and " " not in text
