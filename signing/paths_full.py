"""The second engine: pyhanko-certvalidator, which knows all of RFC 5280, section 6, at ten times the cost.

It judges what the first engine does not know: critical name constraints on directories and URIs, policies and their mappings,
names in other spelling, self-issued certificates. It gets one file of certificates whose signatures fit already, so it searches
nothing; and it knows nothing of revocation here.
"""

from collections.abc import Coroutine
from datetime import datetime, timedelta
from typing import Any

from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko_certvalidator.authority import CertTrustAnchor, TrustQualifiers, derive_quals_from_cert
from pyhanko_certvalidator.context import ValidationContext
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import PKIXValidationParams
from pyhanko_certvalidator.validate import async_validate_path

from signing.rules import Refused


def check(chain: tuple[x509.Certificate, ...], at: datetime) -> None:
    """`chain`: from who signs to the anchor. Any policy will do. Raises Refused `path.not_found`."""
    leaf, *between, root = [asn1.Certificate.load(one.public_bytes(Encoding.DER), strict=True) for one in chain]
    try:
        anchor = CertTrustAnchor(root, _limits(root))
        context = ValidationContext(
            trust_roots=[anchor], moment=at, allow_fetching=False, revocation_mode="none", time_tolerance=timedelta(0)
        )
        _run(async_validate_path(context, ValidationPath(anchor, reversed(between), leaf)))
    except Exception as error:  # noqa: BLE001 - it raises whatever its parser stumbles upon; none of it is a path that holds
        raise Refused("path.not_found", "", f"{type(error).__name__}: {error}"[:300]) from None


def _limits(root: asn1.Certificate) -> TrustQualifiers:
    """What the anchor states for itself counts too (RFC 5937), as it does with the first engine: path length, names, validity."""
    derived = derive_quals_from_cert(root)
    stated = derived.standard_parameters
    names = None
    if stated is not None:
        names = PKIXValidationParams(
            initial_permitted_subtrees=stated.initial_permitted_subtrees,
            initial_excluded_subtrees=stated.initial_excluded_subtrees,
        )
    return TrustQualifiers(
        standard_parameters=names,
        max_path_length=derived.max_path_length,
        max_aa_path_length=derived.max_path_length,
        valid_from=derived.valid_from,
        valid_until=derived.valid_until,
    )


def _run(coroutine: Coroutine[Any, Any, Any]) -> None:
    """Without an event loop: as nothing is fetched, nothing is waited for."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    finally:
        coroutine.close()
    raise RuntimeError("the path engine waits for something")
