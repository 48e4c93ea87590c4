"""The web service of a one-stop desk with a mind of its own: SOAP 1.1 and 1.2, MTOM, odd names, and a password in a header block.

It knows nothing of the hub's code: messages are taken apart with lxml and the standard library alone. It misbehaves on demand.

    async with SoapSystem() as desk:
        endpoint = Endpoint(adapter="soap", url=desk.url, wsdl=WSDL, options=OPTIONS, secret=PASSWORD)
        desk.misbehaviour.fail_next = 1

`python -m tests.fakes.soap_system --port N` runs one; `POST /misbehave` takes members of `Misbehaviour` as JSON.
"""

import argparse
import asyncio
import base64
import email
import email.policy
import hashlib
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from xml.sax.saxutils import escape

from aiohttp import web
from lxml import etree

from tests.fakes import misbehaving

WSDL_FILE = Path(__file__).with_suffix(".wsdl")
WSDL = WSDL_FILE.read_text("utf-8")
ACCOUNT, PASSWORD = "truc.lgsp", "Mật khẩu của trục"

# What an endpoint of it is registered with; both bindings take the same.
OPTIONS: Mapping[str, str] = {
    "port": "CongThongTinMotCuaSoap",
    "header.XacThuc.TaiKhoan": ACCOUNT,
    "header.XacThuc.MatKhau": "{secret}",
    "answer.field": "MaLoi",
    "answer.delivered": "00,01",
    "answer.retry": "99",
    "answer.reference": "SoBienNhan",
    "case.file:operation": "TiepNhanHoSo",
    "case.file:field.MaGiaoDich": "LGSP-{delivery.id}",
    "case.file:field.HoSo.Ma_ho_so": "{body.case_number}",
    "case.file:field.HoSo.TenTTHC": "{body.procedure.name}",
    "case.file:field.HoSo.ChuHoSo": "{body.applicant.name}",
    "case.file:field.HoSo.TrichYeu": "{body.abstract}",
    "case.file:field.HoSo.NgayTiepNhan": "{body.received_at|date:%d/%m/%Y %H:%M}",
    "case.file:field.HoSo.DonViGui": "{envelope.sender}",
    "case.file:field.HoSo.Loai": "{body.channel|codes:1=11,2=12,3=13}",
    "case.file:field.HoSo.DanhSachTep.Tep[files].TenTep": "{file.name}",
    "case.file:field.HoSo.DanhSachTep.Tep[files].KieuTep": "{file.media_type}",
    "case.file:field.HoSo.DanhSachTep.Tep[files].NoiDung": "{file.content}",
    "case.progress:operation": "CapNhatTienDo",
    "case.progress:field.MaGiaoDich": "LGSP-{delivery.id}",
    "case.progress:field.Ma_ho_so": "{body.case_number}",
    "case.progress:field.TrangThai": "{body.line.status|codes:2=DA_TIEP_NHAN,4=DANG_XU_LY,9=DA_XONG,10=DA_TRA,*=KHAC}",
    "case.progress:field.NoiDungXuLy": "{body.line.handled_by}: {body.line.action}",
    "case.progress:field.ThoiDiem": "{body.line.at}",
    "document.packet:operation": "NhanVanBan",
    "document.packet:field.MaGiaoDich": "LGSP-{delivery.id}",
    "document.packet:field.VanBan": "{content}",
    "document.packet:field.VanBanDangChu": "{content}",
    "document.packet:field.VanBanXml._value_1": "{content|xml}",
}

_SOAP_11, _SOAP_12 = "http://schemas.xmlsoap.org/soap/envelope/", "http://www.w3.org/2003/05/soap-envelope"
_INCLUDE = "{http://www.w3.org/2004/08/xop/include}Include"
_MAX_BODY_BYTES = 200_000_000
_PARSER = etree.XMLParser(huge_tree=True)


@dataclass(slots=True)
class Misbehaviour(misbehaving.Misbehaviour):
    """`busy`: for so many calls. `duplicate_fault`: says what it has already by a fault in words. `refuse`: cases whose TrichYeu
    holds this."""

    busy: int = 0
    duplicate_fault: bool = False
    refuse: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One call as it came: the operation, its values as nested dicts of texts, and the HTTP headers."""

    operation: str
    values: Mapping[str, Any]
    headers: Mapping[str, str]
    envelope: bytes


class SoapSystem(misbehaving.Misbehaving[Misbehaviour]):
    """Every call is in `calls`; what it keeps, once per MaGiaoDich, in `kept`."""

    def __init__(self, port: int = 0, *, security: str = "header") -> None:
        super().__init__(Misbehaviour())
        self._port, self._security = port, security
        self.url = ""
        self.calls: list[Call] = []
        self.kept: dict[str, Call] = {}

    async def __aenter__(self) -> Self:
        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        app.add_routes([web.post("/DichVu.asmx", self._call), web.post("/misbehave", self._misbehave)])
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/DichVu.asmx"
        return self

    async def __aexit__(self, *_: object) -> None:
        self._released.set()
        await self._runner.cleanup()

    async def _call(self, request: web.Request) -> web.Response:
        await self._delay()
        octets, parts = _unpacked(request.headers["Content-Type"], await request.read())
        envelope = etree.fromstring(octets, _PARSER)
        soap = str(etree.QName(envelope).namespace)
        if self._fails():
            return _fault(soap, "Server", "Lỗi hệ thống: không kết nối được cơ sở dữ liệu")
        header, body = envelope.find(f"{{{soap}}}Header"), envelope.find(f"{{{soap}}}Body")
        if not self._knows(header):
            return _fault(soap, "Client", "Sai tài khoản hoặc mật khẩu")
        assert body is not None
        call = Call(etree.QName(body[0]).localname, _values(body[0], parts), request.headers, octets)
        self.calls.append(call)
        return self._spoiled(self._answer(soap, call))

    def _answer(self, soap: str, call: Call) -> web.Response:
        number = call.values["MaGiaoDich"]
        if self.misbehaviour.busy:
            self.misbehaviour.busy -= 1
            return _result(soap, call, "99", "Hệ thống đang bận")
        if self.misbehaviour.refuse and self.misbehaviour.refuse in call.values.get("HoSo", {}).get("TrichYeu", ""):
            return _result(soap, call, "12", "Hồ sơ không thuộc thẩm quyền")
        known = number in self.kept
        self.kept.setdefault(number, call)
        if known and self.misbehaviour.duplicate_fault:
            return _fault(soap, "Server", "Giao dịch đã tồn tại trên hệ thống")
        return _result(soap, call, "01" if known else "00", "Đã có" if known else "Thành công", f"BN-{number}")

    def _knows(self, header: etree._Element | None) -> bool:
        """By the block of its own, or by a UsernameToken (plain or digest), or (x509) by whoever looks at `calls`."""
        found = {} if header is None else {etree.QName(one).localname: (one.text or "") for one in header.iter("*")}
        match self._security:
            case "header":
                return (found.get("TaiKhoan"), found.get("MatKhau")) == (ACCOUNT, PASSWORD)
            case "username":
                return (found.get("Username"), found.get("Password")) == (ACCOUNT, PASSWORD)
            case "digest":
                nonce = base64.b64decode(found.get("Nonce", ""))
                said = hashlib.sha1(nonce + found.get("Created", "").encode() + PASSWORD.encode()).digest()  # noqa: S324
                return (found.get("Username"), found.get("Password")) == (ACCOUNT, base64.b64encode(said).decode())
            case _:
                return True


def _unpacked(content_type: str, octets: bytes) -> tuple[bytes, dict[str, bytes]]:
    """The envelope and the parts beside it, by the email package."""
    if not content_type.lower().startswith("multipart/related"):
        return octets, {}
    message = email.message_from_bytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + octets, policy=email.policy.HTTP)
    found = {str(part["Content-ID"]): part.get_payload(decode=True) for part in message.iter_parts()}
    root = next(iter(found))
    return found.pop(root), {name.strip("<>"): part for name, part in found.items()}


def _values(element: etree._Element, parts: Mapping[str, bytes]) -> dict[str, Any]:
    """By local name; what repeats is a list, what is included stands as base64."""
    found: dict[str, Any] = {}
    for one in element:
        name = etree.QName(one).localname
        value: Any = one.text or ""
        if len(one) and one[0].tag == _INCLUDE:
            value = base64.b64encode(parts[one[0].get("href", "").removeprefix("cid:")]).decode()
        elif len(one):
            value = _values(one, parts)
        if name in found:
            found[name] = [*(found[name] if isinstance(found[name], list) else [found[name]]), value]
        else:
            found[name] = value
    return found


def _result(soap: str, call: Call, code: str, text: str, number: str = "") -> web.Response:
    return _enveloped(
        soap,
        f'<{call.operation}Response xmlns="http://motcua.angiang.gov.vn/"><{call.operation}Result xmlns:k="urn:motcua:ketqua">'
        f"<k:MaLoi>{code}</k:MaLoi><k:MoTa>{escape(text)}</k:MoTa><k:SoBienNhan>{escape(number)}</k:SoBienNhan>"
        f"</{call.operation}Result></{call.operation}Response>",
        200,
    )


def _fault(soap: str, code: str, text: str) -> web.Response:
    if soap == _SOAP_11:
        return _enveloped(
            soap, f"<s:Fault><faultcode>s:{code}</faultcode><faultstring>{escape(text)}</faultstring></s:Fault>", 500
        )
    name = {"Server": "Receiver", "Client": "Sender"}[code]
    return _enveloped(
        soap,
        f"<s:Fault><s:Code><s:Value>s:{name}</s:Value></s:Code><s:Reason>"
        f'<s:Text xml:lang="vi">{escape(text)}</s:Text></s:Reason></s:Fault>',
        500 if code == "Server" else 400,
    )


def _enveloped(soap: str, content: str, status: int) -> web.Response:
    text = f'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{soap}"><s:Body>{content}</s:Body></s:Envelope>'
    media_type = "text/xml" if soap == _SOAP_11 else "application/soap+xml"
    return web.Response(body=text.encode(), content_type=media_type, charset="utf-8", status=status)


async def _serve(port: int) -> None:
    async with SoapSystem(port) as desk:
        options = " ".join(f"--option '{name}={value}'" for name, value in OPTIONS.items())
        print(
            f"A one-stop desk's web service (simulated) at {desk.url}; in FILE: {PASSWORD}\n"
            f"  lgsp agency endpoint CODE {desk.url} --adapter soap --wsdl '{WSDL_FILE}' --secret-file FILE {options}\n"
            f'  POST {desk.url.rpartition("/")[0]}/misbehave {{"fail_next": 3}}',
            flush=True,
        )
        await asyncio.Event().wait()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fakes.soap_system", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--port", type=int, default=0)
    try:
        asyncio.run(_serve(parser.parse_args().port))
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
