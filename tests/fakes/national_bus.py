"""The national document bus as its vendor's Java library sees it, on a loopback port, misbehaving on demand.

Written from the library's wire, without the adapter's code: what one side gets wrong the other does not repeat.

    python -m tests.fakes.national_bus --port 8099
"""

import argparse
import asyncio
import base64
import contextlib
import hashlib
import hmac
import itertools
import json
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

from aiohttp import web
from lxml import etree

Mode = Literal["fail", "status", "hang", "slow", "garbage", "text", "half", "lost", "duplicate", "no_doc_id"]
MODES: dict[Mode, str] = {
    "fail": "answers FAIL with `code` and `text` and does nothing",
    "status": "answers HTTP `code` without a body and does nothing",
    "hang": "takes the request and never answers",
    "slow": "answers after `seconds`",
    "garbage": "does its work and answers with a page of HTML",
    "text": "answers `text` with HTTP `code` and does nothing",
    "half": "does its work and breaks off in the middle of the answer",
    "lost": "does its work and drops the connection",
    "duplicate": "lists everything twice",
    "no_doc_id": "accepts without naming a docId",
}
VIETNAM = timezone(timedelta(hours=7))
_PARSER = etree.XMLParser(huge_tree=True)  # one text of a packet may be larger than 10 MB


@dataclass(slots=True)
class Misbehaviour:
    mode: Mode
    operation: str = ""  # empty: any
    times: int = 1
    code: int = 503
    text: str = "Lỗi hệ thống"
    seconds: float = 0.5


@dataclass(slots=True)
class Call:
    """What came in: `parameters` without prefix."""

    operation: str
    parameters: dict[str, str]
    headers: dict[str, str]
    body: bytes = field(repr=False)
    file: bytes = field(default=b"", repr=False)


@dataclass(slots=True)
class Held:
    """A packet on its way to one code."""

    doc_id: str
    message_type: str
    sender: str
    to: str
    octets: bytes = field(repr=False)
    state: str = "inbox"
    created: datetime = field(default_factory=lambda: datetime.now(VIETNAM))


class NationalBus:
    """`systems`: system id -> secret; `owners`: code of a body -> the system that receives for it."""

    def __init__(self, systems: dict[str, str] | None = None, owners: dict[str, str] | None = None, port: int = 0) -> None:
        self.systems = systems or {"hub.H01": "s3cret/of+the/hub"}
        self.owners = owners or {}
        self.agencies: list[dict[str, str]] = []
        self.calls: list[Call] = []
        self.held: dict[str, Held] = {}
        self.misbehaviours: list[Misbehaviour] = []
        self.url = ""
        self._port, self._numbers, self._documents = port, itertools.count(1), set[tuple[str, str]]()
        self._released = asyncio.Event()

    async def __aenter__(self) -> "NationalBus":
        app = web.Application(client_max_size=1 << 30)
        app.router.add_post("/misbehave", self._told)
        app.router.add_route("*", "/{operation}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, max_field_size=1 << 16, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._released.set()
        await self._runner.cleanup()

    def misbehave(self, mode: Mode, operation: str = "", times: int = 1, **more: Any) -> None:
        self.misbehaviours.append(Misbehaviour(mode, operation, times, **more))

    def post(self, octets: bytes, to: str, sender: str = "000.00.00.G22", message_type: str = "edoc") -> Held:
        """A packet from elsewhere in the country, for one of the codes that a system here owns."""
        number = next(self._numbers)
        held = Held(f"{number:08x}-55b3-460f-be38-e57b80bc3b0d", message_type, sender, to, octets)
        self.held[held.doc_id] = held
        return held

    def sent(self) -> list[Held]:
        """What systems sent, one a recipient."""
        return [one for one in self.held.values() if one.sender in self.systems]

    def of(self, operation: str) -> list[Call]:
        return [call for call in self.calls if call.operation == operation]

    async def _told(self, request: web.Request) -> web.Response:
        wish = await request.json()
        if wish.get("mode") not in MODES:
            return web.json_response({"modes": MODES}, status=422)
        self.misbehave(**wish)
        return web.json_response({"ok": True})

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        operation = request.match_info["operation"]
        bad = self._due(operation)
        match bad:
            case Misbehaviour(mode="hang"):
                await self._released.wait()
            case Misbehaviour(mode="slow"):
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._released.wait(), bad.seconds)
            case Misbehaviour(mode="status"):
                return web.Response(status=bad.code)
            case Misbehaviour(mode="text"):
                return web.Response(status=bad.code, text=bad.text)
            case Misbehaviour(mode="fail"):
                return _json(_failed(str(bad.code), bad.text))
            case _:
                pass
        answer = await self._answer(operation, request)
        if bad is None:
            return answer
        return await self._spoilt(bad, answer, request)

    async def _spoilt(self, bad: Misbehaviour, answer: web.Response, request: web.Request) -> web.StreamResponse:
        octets = answer.body if isinstance(answer.body, bytes) else b""
        transport = request.transport
        assert transport is not None
        match bad.mode:
            case "garbage":
                return web.Response(text="<html><body>Đang bảo trì</body></html>", content_type="text/html")
            case "half":
                head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(octets)}\r\n\r\n"
                transport.write(head.encode() + octets[: len(octets) // 2])
                transport.close()
            case "lost":
                transport.abort()
            case "no_doc_id":
                return _json(json.loads(octets) | {"DocId": None})
            case "duplicate":
                said = json.loads(octets)
                return _json(said | {"data": said["data"] * 2})
            case _:
                pass
        return answer

    def _due(self, operation: str) -> Misbehaviour | None:
        for one in self.misbehaviours:
            if one.operation in ("", operation) and one.times:
                one.times -= 1
                return one
        return None

    async def _answer(self, operation: str, request: web.Request) -> web.Response:
        signed = request.headers.get("XroadVnpt-sign-header", "")
        try:
            named = json.loads(signed)
        except ValueError:
            return _json(_failed("15", "Sai SystemId hoặc SecretKey"))
        parameters = {name.removeprefix("XroadVnpt-"): str(value) for name, value in named.items()}
        body = await request.read()
        call = Call(operation, parameters, dict(request.headers), body)
        self.calls.append(call)
        if (wrong := self._unproven(request, signed, parameters)) is not None:
            return _json(_failed("15", wrong))
        handler = getattr(self, f"_{_snake(operation)}", None)
        if handler is None:
            return web.Response(status=404, text="Not Found")
        answer: dict[str, Any] | web.Response = handler(parameters["systemid"], parameters, call)
        return answer if isinstance(answer, web.Response) else _json(answer)

    def _unproven(self, request: web.Request, signed: str, parameters: dict[str, str]) -> str | None:
        secret = self.systems.get(parameters.get("systemid", ""))
        if secret is None:
            return f"SystemId {parameters.get('systemid')} không tồn tại"
        mac = hmac.new(secret.encode(), signed.encode(), hashlib.sha256).hexdigest()
        if mac != request.headers.get("XroadVnpt-hash-header"):
            return "Sai SystemId hoặc SecretKey"
        names = request.headers.get("XroadVnpt-sign-header-key", "").split(";")
        said = {name: request.headers.get(f"XroadVnpt-{name}") for name in names}
        if said != parameters or not request.headers.get("User-Agent", "").startswith("JAVASDKAgent"):
            return "Tiêu đề không khớp với phần được ký"
        return None

    def _send_edoc(self, system: str, parameters: dict[str, str], call: Call) -> dict[str, Any]:
        if parameters.get("from") != system:
            return _failed("19", f"from {parameters.get('from')} không phải là {system}") | {"DocId": ""}
        call.file = _file_in(call)
        digest = hashlib.sha256(call.file)
        if parameters.get("hash-file") not in (digest.hexdigest(), "".join(f"{one:x}" for one in digest.digest())):
            return _failed("10", "File không hợp lệ: hash-file") | {"DocId": ""}
        try:
            root = etree.fromstring(call.file, _PARSER)
        except etree.XMLSyntaxError:
            return _failed("22", "Format edXML không đúng chuẩn") | {"DocId": ""}
        message_type = parameters.get("messagetype", "edoc")
        key = (_text(root, "MessageHeader/DocumentId"), message_type)
        if message_type == "edoc" and _text(root, "Bussiness/BussinessDocType") in ("", "0"):
            if key in self._documents:
                return _failed("21", "Văn bản đã tồn tại trên trục") | {"DocId": ""}
            self._documents.add(key)
        addressed = json.loads(parameters["to"]) if parameters.get("to") else _texts(root, "To/OrganId")
        addressed = addressed or _texts(root, "ResponseFor/OrganId")
        if self.owners and (strange := [code for code in addressed if code not in self.owners]):
            self._documents.discard(key)
            return _failed("18", f"Đơn vị nhận không tồn tại: {strange[0]}") | {"DocId": ""}
        doc_ids = [self.post(call.file, code, system, message_type).doc_id for code in addressed]
        return _done(DocId=doc_ids[0] if doc_ids else "")

    def _get_received_edoc_list(self, system: str, parameters: dict[str, str], _: Call) -> dict[str, Any]:
        waiting = [
            one
            for one in self.held.values()
            if self.owners.get(one.to, one.to) == system
            and one.message_type == parameters.get("messagetype", "edoc")
            and one.state in ("inbox", "processing")
        ]
        size, page = int(parameters.get("pageSize", 1000)), int(parameters.get("pageIndex", 1))
        return _done(data=[_row(one) for one in waiting[(page - 1) * size : page * size]])

    def _get_edoc(self, system: str, parameters: dict[str, str], _: Call) -> dict[str, Any]:
        held = self._own(system, parameters)
        if held is None:
            return _failed("21", "Không tìm thấy văn bản")
        return _done(data=base64.b64encode(held.octets).decode())

    def _download_edoc(self, system: str, parameters: dict[str, str], _: Call) -> web.Response:
        held = self._own(system, parameters)
        return web.Response(status=404) if held is None else web.Response(body=held.octets, content_type="application/xml")

    def _update_status(self, system: str, parameters: dict[str, str], _: Call) -> dict[str, Any]:
        held, state = self._own(system, parameters), parameters.get("status", "")
        if held is None or state not in ("inbox", "processing", "done", "fail"):
            return _failed("21", f"Không cập nhật được trạng thái {state}")
        held.state = state
        return _done()

    def _count_receive_edoc(self, system: str, parameters: dict[str, str], call: Call) -> dict[str, Any]:
        return _done(count=len(self._get_received_edoc_list(system, parameters | {"messagetype": "edoc"}, call)["data"]))

    def _count_receive_status(self, system: str, parameters: dict[str, str], call: Call) -> dict[str, Any]:
        return _done(count=len(self._get_received_edoc_list(system, parameters | {"messagetype": "status"}, call)["data"]))

    def _get_sent_edoc_list(self, system: str, _: dict[str, str], __: Call) -> dict[str, Any]:
        return _done(data=[_row(one) for one in self.held.values() if one.sender == system])

    def _get_agencies_list(self, _: str, __: dict[str, str], ___: Call) -> dict[str, Any]:
        return _done(data=self.agencies)

    def _get_agencies_list_qd20(self, _: str, __: dict[str, str], ___: Call) -> dict[str, Any]:
        return _done(data=self.agencies)

    def _get_synchronize_unit(self, _: str, __: dict[str, str], ___: Call) -> dict[str, Any]:
        return _done(data=self.agencies)

    def _register_agency(self, system: str, _: dict[str, str], call: Call) -> dict[str, Any]:
        said = json.loads(call.body)
        self.owners[said["code"]] = system
        return _done()

    def _delete_agency(self, _: str, parameters: dict[str, str], __: Call) -> dict[str, Any]:
        return _done() if self.owners.pop(parameters.get("AgencyCode", ""), None) else _failed("18", "Không có đơn vị")

    def _own(self, system: str, parameters: dict[str, str]) -> Held | None:
        held = self.held.get(parameters.get("docId", parameters.get("docid", "")))
        return held if held is not None and self.owners.get(held.to, held.to) == system else None


def _file_in(call: Call) -> bytes:
    """Of the part file_doc, or the whole body without the line end that the Java library adds."""
    content_type = call.headers.get("Content-Type", "")
    if not content_type.startswith("multipart/form-data"):
        return call.body.removesuffix(b"\r\n")
    boundary = content_type.partition("boundary=")[2].strip('"').encode()
    for part in call.body.split(b"--" + boundary):
        head, _, content = part.partition(b"\r\n\r\n")
        if b'name="file_doc"' in head:
            return content.removesuffix(b"\r\n")
    return b""


def _row(held: Held) -> dict[str, str]:
    at = f"{held.created:%Y/%m/%d %H:%M:%S}"
    return {
        "docId": held.doc_id,
        "serviceType": "eDoc",
        "messageType": held.message_type,
        "created_time": at,
        "updated_time": at,
        "from": held.sender,
        "to": held.to,
        "status": held.state,
        "status_desc": "",
    }


def _texts(root: etree._Element, path: str) -> list[str]:
    steps = "/".join(f"*[local-name()='{name}']" for name in path.split("/"))
    found = root.xpath(f"//{steps}")
    return [(one.text or "").strip() for one in found if isinstance(one, etree._Element)]


def _text(root: etree._Element, path: str) -> str:
    return next(iter(_texts(root, path)), "")


def _snake(operation: str) -> str:
    spelt = operation.replace("QD20", "Qd20")
    return "".join(f"_{char.lower()}" if char.isupper() else char for char in spelt)


def _done(**more: Any) -> dict[str, Any]:
    return {"status": "OK", "ErrorCode": "0", "ErrorDesc": "Thành công"} | more


def _failed(code: str, text: str) -> dict[str, Any]:
    return {"status": "FAIL", "ErrorCode": code, "ErrorDesc": text}


def _json(said: dict[str, Any]) -> web.Response:
    return web.Response(body=json.dumps(said, ensure_ascii=False).encode(), content_type="application/json", charset="utf-8")


async def _main(port: int) -> None:
    async with NationalBus(port=port) as bus:
        (system, secret), *_ = bus.systems.items()
        print(f"The national bus (simulated) listens at {bus.url}; system id {system}, secret {secret}")
        print("Add:  lgsp agency add CODE --name 'Trục liên thông văn bản quốc gia' --level national --may-send 'document.*'")
        print("For bodies whose codes begin with G: lgsp agency carry CODE 'G*'")
        way = f"CODE {bus.url} --adapter edxml_bus --option systemid={system} --secret-file FILE"
        print(f"Out:  lgsp agency endpoint {way} --option 'to=G*'")
        print(f"In:   lgsp agency feed {way}")
        print(f"""Then: curl {bus.url}/misbehave -d '{{"mode": "hang", "operation": "sendEdoc", "times": 1}}'""")
        for mode, meaning in MODES.items():
            print(f"        {mode:<10} {meaning}")
        await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8099)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_main(parser.parse_args().port))
