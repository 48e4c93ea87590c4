"""A signing key as a screen and as programs are shown it."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lgsp.commands.common import print_table
from lgsp.commands.labels import clock

if TYPE_CHECKING:
    from lgsp.core.key_set import KeyRecord, KeySet

_STATES = {
    "next": "công bố, chưa ký · published, does not sign yet",
    "current": "đang ký · signs",
    "retired": "thôi ký, còn công bố · signs no more, still published",
    "withdrawn": "không công bố nữa · no longer published",
}
_COLUMNS = (
    "Khóa · Key",
    "Tình trạng · State",
    "Thuật toán · Algorithm",
    "Ký từ · Signs from",
    "Công bố đến · Published until",
    "kid",
)


def show_all(forms: Iterable[dict[str, Any]]) -> None:
    print_table("", _COLUMNS, map(_row, forms))


def show(form: dict[str, Any]) -> None:
    print_table("", ("", ""), ((label, _text(value)) for label, value in form.items() if value))


def _row(form: dict[str, Any]) -> tuple[str, ...]:
    times = clock(form["signs_from"]), clock(form["published_until"])
    return form["name"], _STATES[form["state"]], form["algorithm"], *times, form["kid"]


def _text(value: Any) -> str:
    if isinstance(value, datetime):
        return clock(value) or ""
    return _STATES.get(value, str(value)) if isinstance(value, str) else "\n".join(str(one) for one in value)


def form_of(keys: "KeySet", one: "KeyRecord", now: datetime) -> dict[str, Any]:
    from cryptography import x509

    from signing.jose import thumbprint

    chain = [x509.load_der_x509_certificate(der) for der in one.certificates]
    return {
        "name": one.name,
        "state": str(keys.state(one, now)),
        "algorithm": str(one.algorithm),
        "kid": thumbprint(one.public),
        "made_at": one.made_at,
        "signs_from": one.signs_from,
        "published_until": keys.published_until(one, now),
        "token_label": one.token_label,
        "certificates": [f"{c.subject.rfc4514_string()}, until {c.not_valid_after_utc.isoformat()}" for c in chain],
    }
