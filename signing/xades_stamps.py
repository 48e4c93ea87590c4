"""XAdES-T (EN 319 132-1, 5.3): time-stamps over SignatureValue, which stand among the unsigned properties.

Nothing there is signed, so anybody may take a stamp away or put one in. One that verifies shows that the signature existed by
then, whoever put it there; one that does not counts as absent. Whatever else stands there is named and not looked at.
"""

from datetime import datetime
from typing import NamedTuple

from lxml import etree

from signing.algorithms import base64
from signing.profiles import DSIG, EXCLUSIVE_C14N, INCLUSIVE_C14N, XADES
from signing.report import Refusal, TimeStamp
from signing.rules import Refused
from signing.timestamps import verify_stamp
from signing.trust import TrustBase
from signing.xml import canonical, local_name

_OF_SIGNATURE, _STAMP = f"{{{XADES}}}UnsignedSignatureProperties", f"{{{XADES}}}SignatureTimeStamp"
_TOKEN, _METHOD = f"{{{XADES}}}EncapsulatedTimeStamp", f"{{{DSIG}}}CanonicalizationMethod"
_DER = "http://uri.etsi.org/01903/v1.2.2#DER"
_MOST_STAMPS, _MOST_NAMES = 4, 8


class Stamped(NamedTuple):
    """A token and the octets that it has to be over; or the rule that is broken before there are any."""

    token: bytes = b""
    octets: bytes = b""
    refusal: Refusal | None = None


class Unsigned(NamedTuple):
    """`not_evaluated`: names of properties that were not looked at."""

    stamps: tuple[Stamped, ...]
    not_evaluated: tuple[str, ...]


NOTHING = Unsigned((), ())


def read(unsigned: etree._Element, value: etree._Element) -> Unsigned:
    """`unsigned`: UnsignedProperties; `value`: SignatureValue, both still where they stand. Never refuses: what is not signed
    cannot make a signature worse."""
    properties = [one for group in unsigned if group.tag == _OF_SIGNATURE for one in group]
    stamps = [one for one in properties if one.tag == _STAMP]
    others = [one for one in (*unsigned, *properties) if one.tag not in (_OF_SIGNATURE, _STAMP)]
    others += stamps[_MOST_STAMPS:]
    names = tuple(local_name(one)[:40] for one in others[:_MOST_NAMES])
    return Unsigned(tuple(_stamped(one, value) for one in stamps[:_MOST_STAMPS]), names)


def _stamped(stamp: etree._Element, value: etree._Element) -> Stamped:
    try:
        return Stamped(*_token_and_octets(stamp, value))
    except Refused as refused:
        return Stamped(refusal=Refusal(refused.rule, refused.place, refused.detail))


def _token_and_octets(stamp: etree._Element, value: etree._Element) -> tuple[bytes, bytes]:
    """A method that is not named is that of Canonical XML 1.0 (5.1.4.5). Raises Refused `xades.stamp` or `xml.not_canonical`."""
    children = list(stamp)
    method = INCLUSIVE_C14N
    if children and children[0].tag == _METHOD:
        method = "" if len(children[0]) else children[0].get("Algorithm", "")  # a method with parameters is another one
        del children[0]
    if method not in (EXCLUSIVE_C14N, INCLUSIVE_C14N):
        raise Refused("xades.stamp", "CanonicalizationMethod", method[:100])
    if [one.tag for one in children] != [_TOKEN] or len(children[0]) or children[0].get("Encoding", _DER) != _DER:
        raise Refused("xades.stamp", "SignatureTimeStamp", "not one EncapsulatedTimeStamp in DER")
    return base64(children[0].text, "EncapsulatedTimeStamp", "xades.stamp"), canonical(value, method)


def earliest(stamps: tuple[Stamped, ...], trust: TrustBase, at: datetime) -> TimeStamp | Refusal | None:
    """The earliest that verifies, else why the last one does not; None where there is none."""
    best: TimeStamp | Refusal | None = None
    for one in stamps:
        found = one.refusal or verify_stamp(one.token, one.octets, trust, at)
        if not isinstance(best, TimeStamp) or (isinstance(found, TimeStamp) and found.at < best.at):
            best = found
    return best
