"""tus 1.0 on the wire: what its headers say. https://tus.io/protocols/resumable-upload, core and the extensions named here."""

import base64
import binascii
import re
from typing import Literal

from aiohttp import web

from contracts.errors import ContractError
from lgsp.http.problems import ANSWER_HEADERS
from lgsp.ports import Upload

VERSION = "1.0.0"
EXTENSIONS = "creation,creation-with-upload,checksum,termination"
CHUNK = "application/offset+octet-stream"

Checksum = tuple[Literal["sha1", "sha256"], bytes]

_LENGTHS = {"sha1": 20, "sha256": 32}
_MAX_METADATA = 16
_KEY = re.compile(r"[\x21-\x2b\x2d-\x7e]{1,64}")  # ASCII without space and comma
_MAX_VALUE_BYTES = 1024
_COUNT = re.compile(r"\d{1,18}")


def check_version(request: web.Request) -> None:
    """Every request but OPTIONS names the version. Raises ContractError "upload.version_unsupported"."""
    request[ANSWER_HEADERS] = {"Tus-Resumable": VERSION, "Tus-Version": VERSION}
    if request.headers.get("Tus-Resumable") != VERSION:
        raise ContractError("upload.version_unsupported", "Tus-Resumable", f"this hub speaks {VERSION}")


def count(request: web.Request, name: str) -> int:
    """A header that holds a number of bytes. Raises ContractError "request.field_invalid"."""
    text = request.headers.get(name, "")
    if not _COUNT.fullmatch(text) or not text.isascii():
        raise ContractError("request.field_invalid", name, "a number of bytes, 0 or more")
    return int(text)


def checksum(request: web.Request) -> Checksum | None:
    """Raises ContractError "request.malformed": the protocol wants 400 for an algorithm we do not know."""
    text = request.headers.get("Upload-Checksum")
    if text is None:
        return None
    name, _, encoded = text.partition(" ")
    try:
        value = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        value = b""
    if name == "sha1" and len(value) == _LENGTHS[name]:
        return "sha1", value
    if name == "sha256" and len(value) == _LENGTHS[name]:
        return "sha256", value
    raise ContractError("request.malformed", "Upload-Checksum", "sha1 or sha256, a space, the digest in base64")


def read_metadata(text: str | None) -> dict[str, str]:
    """`key base64,key base64,key`; values are UTF-8. Raises ContractError "request.field_invalid"."""
    found: dict[str, str] = {}
    for pair in text.split(",") if text else ():
        key, _, encoded = pair.strip().partition(" ")
        try:
            value = base64.b64decode(encoded, validate=True).decode()
        except (binascii.Error, ValueError):
            raise ContractError("request.field_invalid", "Upload-Metadata", "values are UTF-8 in base64") from None
        if not _KEY.fullmatch(key) or key in found or len(encoded) > _MAX_VALUE_BYTES * 4 // 3 + 4:
            detail = f"keys of ASCII without space and comma, each once; values of at most {_MAX_VALUE_BYTES} bytes"
            raise ContractError("request.field_invalid", "Upload-Metadata", detail)
        found[key] = value
    if len(found) > _MAX_METADATA:
        raise ContractError("request.field_invalid", "Upload-Metadata", f"at most {_MAX_METADATA} keys")
    return found


def write_metadata(metadata: dict[str, str]) -> str:
    return ",".join(f"{key} {base64.b64encode(value.encode()).decode('ascii')}".rstrip() for key, value in metadata.items())


def progress(upload: Upload) -> dict[str, str]:
    """How far the upload is; complete when it has a digest."""
    headers = {"Tus-Resumable": VERSION, "Upload-Offset": str(upload.offset_bytes), "Cache-Control": "no-store"}
    if upload.digest is not None:
        headers["Lgsp-Digest"] = upload.digest
    return headers
