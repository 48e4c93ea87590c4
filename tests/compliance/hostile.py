"""Octets that strangers send, as requests and as answers: none of them may cost more than a refusal."""

import gzip
from collections.abc import Mapping

_BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "' + b"a" * 1000 + b'">'
    + b"".join(b'<!ENTITY %c "%b">' % (98 + level, b"&%c;" % (97 + level) * 10) for level in range(8))
    + b"]><a>&i;</a>"
)  # fmt: skip
_FILE_READER = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'

HOSTILE: Mapping[str, bytes] = {
    "nothing": b"",
    "one zero": b"\x00",
    "zeros": b"\x00" * 4096,
    "not UTF-8": b"\xff\xfe\xfd\x80" * 64,
    "half a letter": '{"ten": "Nguyễn'.encode()[:-1],
    "text": "Hệ thống đang bảo trì, xin quay lại sau".encode(),
    "a page for people": b"<html><head><title>Login</title><body><p>Please log in<br></body></html>",
    "half an element": b'<?xml version="1.0" encoding="UTF-8"?><Envelope xmlns="urn:x"><Body',
    "entities that grow": _BOMB,
    "an entity that reads a file": _FILE_READER,
    "an element that is not closed, 20,000 deep": b"<a>" * 20_000,
    "elements 5,000 deep": b"<a>" * 5_000 + b"</a>" * 5_000,
    "an attribute list": b"<a " + b" ".join(b'a%d="1"' % number for number in range(20_000)) + b"/>",
    "angle brackets": b"<" * 500_000,
    "lists 100,000 deep": b"[" * 100_000,
    "objects 50,000 deep": b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    "a number without measure": b'{"code": ' + b"9" * 20_000 + b"}",
    "a key twice": b'{"status": 1, "status": 2, "code": "0", "code": "1"}',
    "null": b"null",
    "a list": b"[[], {}, null, 1e999]",
    "types turned round": b'{"status": {"code": []}, "code": {}, "data": "x", "message": 1, "result": true}',
    "a multipart without end": b"--b\r\nContent-Type: text/xml\r\n\r\n<a/>\r\n--b\r\nContent-ID: <1>",
}

# Ten megabytes of zeros in ten kilobytes, as an answer with "Content-Encoding: gzip".
GZIP_BOMB = gzip.compress(b"\x00" * 10_000_000)
