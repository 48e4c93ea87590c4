"""Times as XML writes them (XML Schema 2, 3.2.7)."""

import re
from datetime import datetime

from lxml import etree

from signing.rules import Refused
from signing.xml import local_name

# Python drops what is finer than a microsecond.
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)?", re.ASCII)


def date_time(element: etree._Element, code: str) -> datetime:
    """Without a zone when none is given, which is legal. Raises Refused `code`."""
    if len(element):
        raise Refused(code, local_name(element), "not an xsd:dateTime")
    return date_time_of(element.text or "", code, local_name(element))


def date_time_of(text: str, code: str, place: str) -> datetime:
    """As `date_time`."""
    written = _DATE_TIME.fullmatch(text.strip())
    if written is None:
        raise Refused(code, place, "not an xsd:dateTime")
    try:
        return datetime.fromisoformat(written[0])
    except ValueError:
        raise Refused(code, place, "no such time") from None
