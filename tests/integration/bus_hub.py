"""A hub with a department and two communes whose document systems know nothing but a bus, and a national bus beyond it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contracts.adapter import Endpoint
from contracts.agency import AgencyCode
from contracts.feed import Feed
from lgsp.bootstrap.keys import token_key
from lgsp.core.directory import Agency, Alias, Grant
from lgsp.http.client_secret import new_secret
from lgsp.ports import Credential
from tests.fakes.province_client import ProvinceClient
from tests.fakes.vxp_client import Framing, JavaClient
from tests.integration.http_hub import HttpHub, http_hub

DEPARTMENT, OLD_CODE, COMMUNE, OTHER, BUS = (AgencyCode(c) for c in ("H01.10", "000.00.10.H01", "H01.134", "H01.135", "VXP"))
_ALL = (Grant(kinds=("document.*",)),)


def agencies(endpoint: Endpoint | None = None, feed: Feed | None = None) -> tuple[Agency, ...]:
    return (
        Agency(
            code=DEPARTMENT,
            name_vi="Sở Nông nghiệp và Môi trường",
            level="department",
            aliases=(Alias(code=OLD_CODE),),
            grants=_ALL,
            may_register=True,
        ),
        Agency(code=COMMUNE, name_vi="UBND xã Vĩnh Thạnh Trung", level="commune", grants=_ALL),
        Agency(code=OTHER, name_vi="UBND xã Khác", level="commune", grants=_ALL),
        Agency(
            code=BUS,
            name_vi="Trục liên thông văn bản quốc gia",
            level="national",
            grants=_ALL,
            carries=("G*",),
            endpoint=endpoint,
            feed=feed,
        ),
    )


@dataclass(slots=True)
class BusHub:
    """`secrets`: by client id, which is the agency's code here."""

    hub: HttpHub
    secrets: dict[str, str]

    def java(self, agency: str, framing: Framing = "octets", made_at: datetime | None = None) -> JavaClient:
        return JavaClient(
            f"{self.hub.url}/bus/vxp", agency, self.secrets[agency], self.hub.client, framing, made_at or datetime.now(UTC)
        )

    def province(self, agency: str) -> ProvinceClient:
        return ProvinceClient(f"{self.hub.url}/bus/lgsp", agency, self.secrets[agency], self.hub.client)


@asynccontextmanager
async def bus_hub(
    folder: Path, *, endpoint: Endpoint | None = None, feed: Feed | None = None, **settings: Any
) -> AsyncIterator[BusHub]:
    async with http_hub(folder, agencies=agencies(endpoint, feed), **settings) as hub:
        secrets = {}
        for code in (DEPARTMENT, COMMUNE, OTHER):
            secrets[code], hashed = new_secret(token_key(hub.hub.settings), code)
            await hub.hub.store.save_credentials([Credential(client_id=code, agency=code, secret_hash=hashed)])
        yield BusHub(hub, dict(secrets))
