"""Types that the fields of all kinds are made of.

Every field carries its Vietnamese name (`title`) and what it means in English with its source (`description`), for publication.
Lengths count Unicode code points of the text as received, composed or decomposed. Money is whole đồng.
"""

from datetime import datetime
from typing import Annotated, Literal

from msgspec import Meta

# XML 1.0 (fifth edition), production 2, cannot carry any other character. `reading` refuses them: as a pattern on every text this
# would cost more than the whole reading of a body, so here it is only published.
PRINTABLE = r"^[^\u0000-\u0008\u000B\u000C\u000E-\u001F\uFFFE\uFFFF]*$"
_TEXT = {"pattern": PRINTABLE}

MAX_LIST = 200  # entries of any list of a body, where a field does not say otherwise


def about(vi: str, en: str, source: str = "") -> Meta:
    """The names of a field in both languages, and where it comes from."""
    return Meta(title=vi, description=f"{en}. Source: {source}." if source else f"{en}.")


def exactly(pattern: str, max_length: int) -> Meta:
    r"""The whole text matches. `\A...\Z`, because `$` would also match before a line break at the end."""
    return Meta(pattern=rf"\A(?:{pattern})\Z", max_length=max_length)


Name = Annotated[str, Meta(min_length=1, max_length=200, extra_json_schema=_TEXT)]
LongName = Annotated[str, Meta(min_length=1, max_length=1000, extra_json_schema=_TEXT)]
ShortText = Annotated[str, Meta(max_length=255, extra_json_schema=_TEXT)]
Text = Annotated[str, Meta(max_length=1000, extra_json_schema=_TEXT)]
LongText = Annotated[str, Meta(max_length=4000, extra_json_schema=_TEXT)]

# Latin letters, composed or decomposed, digits and signs.
# Never split at dots: sequences of 4, 5 and 7 digits, dates of 6 and 8 and agency codes of both generations occur.
Number = Annotated[str, exactly(r"[!-~\u00C0-\u024F\u0300-\u036F\u1E00-\u1EFF]+", 50)]
Code = Annotated[str, exactly(r"[0-9A-Za-zĐđ](?:[0-9A-Za-zĐđ._/\-]*[0-9A-Za-zĐđ])?", 50)]
AgencyCodeText = Annotated[str, exactly(r"[0-9A-Za-z](?:[0-9A-Za-z._\-]*[0-9A-Za-z])?", 50)]
CommuneCode = Annotated[str, exactly(r"[0-9]{5}", 5)]
Phone = Annotated[str, exactly(r"[0-9+(). \-]+", 30)]
Email = Annotated[str, exactly(r"[!-?A-~]+@[!-?A-~]+", 255)]
Digest = Annotated[str, exactly(r"sha256:[0-9a-f]{64}", 71)]
Link = Annotated[str, exactly(r"https?://[!-~]+", 2000)]
ItemCode = Annotated[str, exactly(r"[0-9A-Z](?:[0-9A-Z \-]*[0-9A-Z])?", 35)]

Moment = Annotated[datetime, Meta(tz=True)]
Dong = Annotated[int, Meta(ge=0, le=10**15)]
Count = Annotated[int, Meta(ge=0, le=10_000)]
AliasScheme = Literal["case", "receipt", "dvcqg", "linked", "ministry"]
