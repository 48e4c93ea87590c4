"""A web service that others wrote takes what the hub delivers: the npm package soap, by the WSDL of the simulated desk."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from adapters.soap.bundle import bundled
from adapters.soap.delivery import SoapDelivery
from contracts.adapter import Endpoint
from contracts.outcome import Delivered, Outcome, Refused, Retry
from tests.compliance.adapter_suite import MemoryFiles
from tests.compliance.test_soap_delivery import CASE, SoapKit
from tests.fakes.soap_system import ACCOUNT, OPTIONS, PASSWORD, WSDL
from tests.interop.programs import Wrong

_PAPER = "Tờ khai của bà Nguyễn Thị Hồng Đào".encode() * 100
_LIMIT_S = 30


async def check(node: str, script: Path, folder: Path) -> None:
    """Raises Wrong. `script`: service.mjs, beside the package."""
    wsdl = folder / "service.wsdl"
    wsdl.write_text(bundled(WSDL.encode(), {})[0], "utf-8")  # npm soap would fetch what it imports
    async with asyncio.timeout(_LIMIT_S), _service([node, str(script), str(wsdl), ACCOUNT, PASSWORD]) as (url, calls):
        for port in ("CongThongTinMotCuaSoap", "CongThongTinMotCuaSoap12"):
            await _road(url, calls, port)
    print("npm soap as a recipient: SOAP 1.1 and 1.2, with files, a fault and a wrong password", flush=True)


async def _road(url: str, calls: asyncio.StreamReader, port: str) -> None:
    kit, files = SoapKit(), MemoryFiles()
    paper = files.add(_PAPER, "tờ khai <1>.txt", "text/plain")
    plain = {name: value for name, value in OPTIONS.items() if not name.startswith("header.")}
    endpoint = Endpoint(
        adapter="soap",
        url=url,
        secret=PASSWORD,
        wsdl=WSDL,
        options={**plain, "port": port, "security": "username-digest", "security.username": ACCOUNT},
    )
    adapter = SoapDelivery(files)
    try:
        number = 1 if port.endswith("Soap") else 2
        for _ in range(2):  # the second is one that it has already
            _is(await adapter.deliver(kit.parcel(number, (paper,)), endpoint), Delivered(remote_ref=f"BN-LGSP-{number}"))
            _came(json.loads(await calls.readline()), number)
        _is(await adapter.deliver(kit.parcel(13), endpoint), Refused)
        await calls.readline()
        _is(await adapter.deliver(kit.parcel(3), msgspec.structs.replace(endpoint, secret="khác")), Retry)
    finally:
        await adapter.close()


def _is(found: Outcome, expected: Any) -> None:
    if not (isinstance(found, expected) if isinstance(expected, type) else found == expected):
        raise Wrong(f"npm soap as a recipient: {found} instead of {expected}")


def _came(said: dict[str, Any], number: int) -> None:
    case = said["call"]["HoSo"]
    paper = case["DanhSachTep"]["Tep"]
    found = (case["Ma_ho_so"], case["TrichYeu"], (paper[0] if isinstance(paper, list) else paper))
    wanted = {"TenTep": "tờ khai <1>.txt", "KieuTep": "text/plain", "NoiDung": base64.b64encode(_PAPER).decode()}
    abstract = f"Thửa số {number} <&> bản đồ ]]> 'trích' \"lục\""
    if found != (CASE.case_number, abstract, wanted):
        raise Wrong(f"npm soap as a recipient: it got {str(found)[:500]}")


@asynccontextmanager
async def _service(command: list[str]) -> AsyncIterator[tuple[str, asyncio.StreamReader]]:
    """Its address, and the lines it prints."""
    running = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE, limit=1 << 20)
    assert running.stdout is not None
    try:
        yield (await running.stdout.readline()).decode().strip(), running.stdout
    finally:
        running.kill()
        await running.wait()
