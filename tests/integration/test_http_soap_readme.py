"""What contracts/README.md tells people who connect by SOAP does what it says."""

import asyncio
import base64
import re
from pathlib import Path
from typing import Any

from contracts.agency import AgencyCode
from lgsp.core.directory import Agency, Grant
from tests.integration.http_hub import http_hub
from tests.soap_client import soap

ROOT = Path(__file__).parent.parent.parent
DESK, OFFICE = AgencyCode("H01.101"), AgencyCode("H01.15")
AGENCIES = (
    Agency(code=DESK, name_vi="Xã Mỹ Hòa Hưng", level="commune", grants=(Grant(kinds=("case.*",)),)),
    Agency(code=OFFICE, name_vi="Sở Tư pháp", level="department"),
)


async def test_the_example_with_zeep_sends_an_envelope_with_a_file_and_reads_a_fault(tmp_path: Path) -> None:
    (example,) = re.findall(
        r"```python\n(import zeep.*?|from datetime.*?)```", (ROOT / "contracts/README.md").read_text(), re.DOTALL
    )
    example = example.replace('Path("contracts/', f'Path("{ROOT}/contracts/')
    async with http_hub(tmp_path, agencies=AGENCIES) as hub:
        names: dict[str, Any] = {"hub": hub.url, "token": hub.tokens.issue(DESK, "test")}
        await asyncio.to_thread(exec, compile(example, "README.md", "exec"), names)
        assert (names["receipt"].message_id, names["code"]) == ("soap-1", "access.not_a_party")
        (delivery_id,) = (await soap(hub, "listMailbox", agency=OFFICE)).texts("result/entries/delivery_id")
        fetched = await soap(hub, "fetchDelivery", {"delivery_id": delivery_id}, agency=OFFICE)
        assert fetched.text("result/envelope/attachments/name") == "giấy tờ.pdf"
        body = base64.b64decode(fetched.text("result/envelope/body_base64") or "")
        assert body.startswith(b"<case.progress ")
        (other_side,) = re.findall(r"```python\n(entry = .*?)```", (ROOT / "contracts/README.md").read_text(), re.DOTALL)
        names["session"].headers["Authorization"] = f"Bearer {hub.tokens.issue(OFFICE, 'test')}"
        await asyncio.to_thread(exec, compile(other_side, "README.md", "exec"), names)
        assert names["envelope"].body_base64 == body and names["file"] == b"%PDF-1.4 an example"
        assert (await soap(hub, "listMailbox", agency=OFFICE)).texts("result/entries/delivery_id") == []
