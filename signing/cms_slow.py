"""CMS messages in BER, beside the strict lane: brought into DER first, and then judged by the very same rules.

The report says so (`re_encoded`). Content and certificates are what they were; what was signed in an order that is not DER's, or
by anything that the profile refuses, is refused here too.
"""

from datetime import datetime

from msgspec.structs import replace

from signing.ber import to_der
from signing.cms import CheckedCms, Content, check_cms
from signing.cms_profiles import CmsProfile
from signing.report import TimeStamp
from signing.rules import Refused
from signing.trust import TrustBase

_PERHAPS_BER = frozenset({"cms.not_der", "cms.shape"})


def check_cms_slowly(
    octets: bytes,
    content: Content | None,
    profile: CmsProfile,
    trust: TrustBase,
    at: datetime,
    existed: TimeStamp | None = None,
) -> CheckedCms:
    """As `check_cms`, which judges first: what is DER never comes here. Never raises."""
    checked = check_cms(octets, content, profile, trust, at, existed)
    if checked.report.refusal is None or checked.report.refusal.rule.code not in _PERHAPS_BER:
        return checked
    der = der_of(octets, profile)
    if der == octets:
        return checked
    checked = check_cms(der, content, profile, trust, at, existed)
    return CheckedCms(replace(checked.report, re_encoded=True), checked.content)


def der_of(octets: bytes, profile: CmsProfile) -> bytes:
    """DER that stands for the same, or the octets as they are if there is none. For who asks for a digest method first."""
    if len(octets) > profile.caps.octets:
        return octets
    try:
        der, size = to_der(octets)
    except Refused:
        return octets
    return der if size == len(octets) else octets
