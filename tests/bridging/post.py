"""Orders and events in the form of Vietnam Post, written by the tests themselves, and which of our fields that form can carry."""

import json
from collections.abc import Mapping
from typing import Any

from tests.bridging.loads import Load

# Ours, as paths: theirs.
ORDER: Mapping[str, str] = {
    "customer_code": "CustomerCode",
    "order_number": "OrderNumber",
    "cod_amount_vnd": "CODAmount",
    "sender/name": "SenderName",
    "sender/address": "SenderAddress",
    "sender/phone": "SenderTel",
    "sender/province": "SenderProvince",
    "receiver/name": "ReceiverName",
    "receiver/address": "ReceiverAddress",
    "receiver/phone": "ReceiverTel",
    "receiver/province": "ReceiverProvince",
    "receiver/district": "ReceiverDistrict",
    "contents": "SenderDesc",
    "note": "Description",
}
EVENT: Mapping[str, str] = {
    "customer_code": "CustomerCode",
    "order_number": "OrderNumber",
    "item_code": "ItemCode",
    "status_code": "StatusCode",
    "status_text": "StatusMessage",
    "place/code": "POSID",
}


def theirs(load: Load, names: Mapping[str, str]) -> dict[str, Any]:
    said = flat(json.loads(load.body))
    return {their: said[our] for our, their in names.items() if our in said}


def ours(message: Mapping[str, Any], names: Mapping[str, str]) -> bytes:
    """A body as far as the message tells one."""
    body: dict[str, Any] = {}
    for our, their in names.items():
        if message.get(their) not in (None, ""):
            group, _, name = our.rpartition("/")
            (body.setdefault(group, {}) if group else body)[name] = message[their]
    return json.dumps(body, ensure_ascii=False).encode()


def flat(value: Any, path: str = "") -> dict[str, Any]:
    """Path -> value, of everything inside."""
    if isinstance(value, dict):
        return {at: one for name, inner in value.items() for at, one in flat(inner, f"{path}/{name}").items()}
    return {path.removeprefix("/"): value}
