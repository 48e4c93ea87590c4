"""The worked example of adapters/README.md, taken from the page as it stands: short enough, tidy, and it passes the suite."""

import contextlib
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
from aiohttp import web

import adapters
from contracts.adapter import DeliveryAdapter, Endpoint, Files, Parcel
from contracts.agency import AgencyCode
from contracts.envelope import Attachment, Envelope
from contracts.feed import Collector, Feed
from contracts.kinds.case import CaseFile
from contracts.kinds.examples import CASE_FILE
from tests.compliance.adapter_suite import CollectorSuite, DeliverySuite, Held
from tests.fakes.desk import MemoryHub

PAGE = Path(adapters.__file__).parent / "README.md"
BLOCK = re.compile(r"^```python\n# adapters/(handbook)/(\w+)\.py\n(.*?)^```$", re.MULTILINE | re.DOTALL)
MAX_LINES = 150

FILES = {f"{found[1]}.{found[2]}": found[3] for found in BLOCK.finditer(PAGE.read_text("utf-8"))}


def load() -> dict[str, Any]:
    """The blocks as modules below `adapters`, as if they stood in files."""
    sys.modules["adapters.handbook"] = package = ModuleType("adapters.handbook")
    for name, text in FILES.items():
        module = ModuleType(f"adapters.{name}")
        sys.modules[module.__name__] = module
        setattr(package, name.partition(".")[2], module)
        exec(compile(text, f"{PAGE}:{name}", "exec"), module.__dict__)  # noqa: S102 - our own page
    return {name.partition(".")[2]: sys.modules[f"adapters.{name}"] for name in FILES}


HANDBOOK = load()
KEY = "khóa-của-sổ-tay".encode().hex()
CASE = next(example.body for example in CASE_FILE if isinstance(example.body, CaseFile))


def test_the_example_is_short() -> None:
    """Everything that is written for a new system, in one afternoon."""
    assert set(HANDBOOK) == {"mapping", "delivery", "collector"}
    assert sum(len(text.splitlines()) + 1 for text in FILES.values()) < MAX_LINES


def test_the_example_is_tidy(tmp_path: Path) -> None:
    """By the rules of the house."""
    (tmp_path / "adapters" / "handbook").mkdir(parents=True)
    for name, text in FILES.items():
        (tmp_path / "adapters" / f"{name.replace('.', '/')}.py").write_text(text, "utf-8")
    house = PAGE.parents[1]
    rules = ["--config", str(house / "pyproject.toml"), "--config", f"src = ['{house}', '{tmp_path}']"]
    for command in (["check"], ["format", "--check"]):
        found = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *rules, "."], cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert found.returncode == 0, found.stdout


class Handbook:
    """The system: cases by number, changes with a cursor, and 200 to everything."""

    def __init__(self) -> None:
        self.url = ""
        self.cases: dict[str, dict[str, str]] = {}
        self.changes: list[dict[str, Any]] = []
        self.told: dict[int, int] = {}  # number of a change: what the hub said of it

    async def take(self, request: web.Request) -> web.Response:
        known = request.match_info["number"] in self.cases
        self.cases.setdefault(request.match_info["number"], await request.json())
        return web.json_response({"ketQua": 1 if known else 0, "moTa": "Hồ sơ đã tồn tại" if known else ""})

    async def list_changes(self, request: web.Request) -> web.Response:
        rest = [change for change in self.changes if change["so"] > int(request.query["sau"])]
        return web.json_response({"danhSach": rest[:100], "con": len(rest) > 100})

    async def confirm(self, request: web.Request) -> web.Response:
        self.told[int(request.match_info["number"])] = (await request.json())["ketQua"]
        return web.json_response({"ketQua": 0})


@contextlib.asynccontextmanager
async def handbook() -> AsyncIterator[Handbook]:
    found = Handbook()
    app = web.Application()
    app.router.add_put("/api/ho-so/{number}", found.take)
    app.router.add_get("/api/thay-doi", found.list_changes)
    app.router.add_post("/api/thay-doi/{number}", found.confirm)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/api"
    yield found
    await runner.cleanup()


class DeliveryOfHandbook:
    status_decides = False

    def adapter(self, files: Files) -> DeliveryAdapter:
        found: DeliveryAdapter = HANDBOOK["delivery"].HandbookDelivery()
        return found

    def far_side(self) -> AbstractAsyncContextManager[Any]:
        return handbook()

    def endpoint(self, url: str) -> Endpoint:
        return Endpoint(adapter="handbook", url=url, secret=KEY)

    def parcel(self, number: int, attachments: tuple[Attachment, ...] = ()) -> Parcel:
        case = msgspec.structs.replace(CASE, abstract=f"Thửa số {number} <&> bản đồ")
        to = AgencyCode("H01.20")
        envelope = Envelope(
            message_id=f"m-{number}",
            sender=AgencyCode("H01.15"),
            recipients=(to,),
            kind="case.file/1",
            created_at=datetime(2026, 11, 22, tzinfo=UTC),
            body=msgspec.json.encode(case),
            attachments=attachments,
        )
        return Parcel(delivery_id=number, attempt=1, recipient=to, addressed_as=to, sequence=number, envelope=envelope)

    def held(self, parcel: Parcel, files: Mapping[str, bytes]) -> Held:
        return Held(str(parcel.delivery_id), (CASE.case_number, CASE.applicant.name, f"Thửa số {parcel.delivery_id} <&> bản đồ"))

    def holds(self, far: Handbook) -> Sequence[Held]:
        return [Held(name, (case["maHoSo"], case["nguoiNop"], case["trichYeu"])) for name, case in far.cases.items()]


class FeedOfHandbook:
    caller = "H01.20"
    tells_refusals = True

    def collector(self) -> Collector:
        found: Collector = HANDBOOK["collector"].HandbookCollector()
        return found

    def far_side(self) -> AbstractAsyncContextManager[Any]:
        return handbook()

    def feed(self, url: str) -> Feed:
        return Feed(adapter="handbook", url=url, secret=KEY)

    def hub(self) -> MemoryHub:
        return MemoryHub.of("H01.20", "H01.15")

    def offer(self, far: Handbook, number: int, to: str = "H01.15") -> None:
        change = {"so": number, "maHoSo": CASE.case_number, "trangThai": 4, "luc": "2026-11-20T08:00:00+07:00"}
        far.changes.append(change | {"nguoi": "Trần Thị Mỹ Duyên", "noiDung": f"Bước {number}", "noiNhan": to})

    def offer_wrong(self, far: Handbook, number: int) -> None:
        self.offer(far, number, to="H99.99")

    def confirmed(self, far: Handbook) -> Sequence[int]:
        return [number for number, result in far.told.items() if result == 0]

    def refused(self, far: Handbook) -> Sequence[int]:
        return [number for number, result in far.told.items() if result]

    def message(self, envelope: Envelope) -> int:
        return int(envelope.message_id.removeprefix("handbook-"))


class TestDelivery(DeliverySuite):
    kit = DeliveryOfHandbook()


class TestCollector(CollectorSuite):
    kit = FeedOfHandbook()
