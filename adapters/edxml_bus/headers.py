"""The header set of the national bus: parameters of an operation travel as headers, signed together by HMAC-SHA256. Pure.

Source: what the vendor's Java library 2.0.1 puts on the wire (README, "Where each rule comes from").
"""

import hashlib
import hmac
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from typing import NamedTuple

import msgspec

from contracts.errors import ContractError

PREFIX = "XroadVnpt-"
KEYS, SIGNED, MAC = f"{PREFIX}sign-header-key", f"{PREFIX}sign-header", f"{PREFIX}hash-header"
USER_AGENT = "JAVASDKAgent/1.0.0 XRoad/VPCP"
VERSION = "3.0.201608"
VIETNAM = timezone(timedelta(hours=7))

_TIMESTAMP = re.compile(r"(\d{8}T\d{6})\+\d{4}")  # the last four digits are milliseconds, though they look like a zone
_HEX_MAC = re.compile(r"[0-9a-fA-F]{64}")
_read_names = msgspec.json.Decoder(dict[str, str | int | float | bool | None]).decode


class Parameters(NamedTuple):
    """What a caller signed. Names without prefix, as the caller spelt them: "docid" and "docId" may stand side by side."""

    values: Mapping[str, str]
    message: bytes  # the text that was signed, as it came
    mac: bytes

    def get(self, *spellings: str) -> str:
        """The first that is there in exactly this spelling, else in any; "" for none."""
        for name in spellings:
            if self.values.get(name):
                return self.values[name]
        wanted = {name.lower() for name in spellings}
        return next((value for name, value in self.values.items() if name.lower() in wanted and value), "")


def signed_headers(parameters: Mapping[str, str], system_id: str, secret: str, now: datetime) -> dict[str, str]:
    """`parameters` and who sends them, as headers with their signature. `now`: aware."""
    said = {"systemid": system_id, "timestamp": timestamp(now)} | dict(parameters)
    named = {PREFIX + name: value for name, value in said.items()}
    text = msgspec.json.encode(named)
    return named | {
        KEYS: ";".join(said),
        SIGNED: text.decode(),
        MAC: hmac.digest(secret.encode(), text, "sha256").hex(),
        "User-Agent": USER_AGENT,
        f"{PREFIX}version": VERSION,
    }


def read_parameters(headers: Mapping[str, str]) -> Parameters:
    """What the signed text says; headers that it does not name count for nothing, because nobody vouches for them.

    Raises ContractError "auth.missing" or "auth.invalid". Nothing is verified yet.
    """
    text, mac = headers.get(SIGNED), headers.get(MAC)
    if not text or not mac:
        raise ContractError("auth.missing", MAC if text else SIGNED, "the header signature of the bus's client library")
    if not _HEX_MAC.fullmatch(mac.strip()):
        raise ContractError("auth.invalid", MAC, "HMAC-SHA256 as 64 hex digits")
    try:
        octets = text.encode("utf-8", "surrogateescape")  # as they came
        named = _read_names(octets)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise ContractError("auth.invalid", SIGNED, "a JSON object of header names and values") from None
    values = {_without_prefix(name): _text(value) for name, value in named.items() if value is not None}
    return Parameters(values, octets, bytes.fromhex(mac.strip()))


def timestamp(moment: datetime) -> str:
    """`ddMMyyyy'T'HHmmss+SSSS` in Vietnam's time."""
    local = moment.astimezone(VIETNAM)
    return f"{local:%d%m%YT%H%M%S}+{local.microsecond // 1000:04d}"


def check_fresh(parameters: Parameters, now: datetime, max_age: timedelta, max_ahead: timedelta) -> None:
    """Raises ContractError "auth.invalid" for a timestamp that cannot be read, is too old or lies ahead."""
    found = _TIMESTAMP.fullmatch(parameters.get("timestamp"))
    try:
        moment = datetime.strptime(found[1] if found else "", "%d%m%YT%H%M%S").replace(tzinfo=VIETNAM)
    except ValueError:
        raise ContractError("auth.invalid", f"{PREFIX}timestamp", "ddMMyyyy'T'HHmmss+SSSS") from None
    if not now - max_age <= moment <= now + max_ahead:
        limits = f"at most {max_age} old and {max_ahead} ahead"
        raise ContractError("auth.invalid", f"{PREFIX}timestamp", f"{moment.isoformat()}; here it is {_at(now)}: {limits}")


def file_hash(octets: bytes) -> str:
    """What `hash-file` is meant to be: SHA-256 in hex."""
    return hashlib.sha256(octets).hexdigest()


def java_file_hash(octets: bytes) -> str:
    """What the Java library makes of it: a byte below 16 has one digit, so mostly there are fewer than 64."""
    return _without_zeros(hashlib.sha256(octets).digest())


def is_hash_of(claimed: str, octets: bytes) -> bool:
    """In either spelling."""
    digest = hashlib.sha256(octets).digest()
    return claimed.strip().lower() in (digest.hex(), _without_zeros(digest))


def _without_zeros(digest: bytes) -> str:
    return "".join(f"{byte:x}" for byte in digest)


def _without_prefix(name: str) -> str:
    return name[len(PREFIX) :] if name.lower().startswith(PREFIX.lower()) else name


def _text(value: str | float | bool) -> str:
    return value.strip() if isinstance(value, str) else msgspec.json.encode(value).decode()


def _at(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
