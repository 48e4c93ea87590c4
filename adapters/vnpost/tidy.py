"""Texts of others made to fit a contract without changing what they say. Pure."""

import re

_NOT_PHONE = re.compile(r"[^0-9+(). \-]+")
_EMAIL = re.compile(r"[!-?A-~]+@[!-?A-~]+")
_UNPRINTABLE = re.compile("[\x00-\x1f\ufffe\uffff]+")
_SPACES = re.compile(r"\s+")
_ITEM = re.compile(r"[0-9A-Z](?:[0-9A-Z \-]*[0-9A-Z])?")
_NOT_CODE = re.compile(r"[^0-9A-Za-zĐđ._/\-]+")

_ELLIPSIS = "…"


def line(text: str | None, limit: int) -> str | None:
    """On one line of at most `limit` characters; None when nothing is left."""
    found = _SPACES.sub(" ", _UNPRINTABLE.sub(" ", text or "")).strip()
    return (found if len(found) <= limit else found[: limit - 1] + _ELLIPSIS) or None


def phone(text: str | None) -> str | None:
    """ "ĐT: 0912.000.000/0296 3000 000" without the words."""
    found = _SPACES.sub(" ", _NOT_PHONE.sub(" ", text or "")).strip()[:30].strip()
    return found if any(char.isdigit() for char in found) else None


def email(text: str | None) -> str | None:
    """Without spaces ("dvc @gmail.com" is the default of one system); None for what is no address: no parcel needs it."""
    found = _SPACES.sub("", text or "")
    return found if len(found) <= 255 and _EMAIL.fullmatch(found) else None


def item_code(text: str | None) -> str | None:
    """In capitals; None for what is no label."""
    found = _SPACES.sub(" ", text or "").strip().upper()
    return found if len(found) <= 35 and _ITEM.fullmatch(found) else None


def code(text: str | None) -> str | None:
    """A code of a place or a province; what a code cannot have becomes a hyphen."""
    return _NOT_CODE.sub("-", text or "").strip("._/-")[:50].strip("._/-") or None
