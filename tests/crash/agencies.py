"""Who takes part: agencies that send, agencies that are pushed to, agencies that pull. Every one may do everything."""

import secrets
from base64 import b64encode

from contracts.adapter import Endpoint
from contracts.agency import AgencyCode
from lgsp.bootstrap.stores import open_store
from lgsp.core.directory import Agency, Grant
from lgsp.http.client_secret import hash_secret
from lgsp.ports import Credential
from lgsp.settings import Settings

SENDERS = tuple(AgencyCode(f"H01.{number}") for number in range(101, 107))
PUSHED = tuple(AgencyCode(f"H01.{number:02}") for number in range(1, 7))
PULLING = tuple(AgencyCode(f"H01.{number}") for number in range(201, 204))

SECRET = "crash-" + secrets.token_hex(16)
_WEBHOOK_SECRET = "whsec_" + b64encode(secrets.token_bytes(32)).decode()
_EVERYTHING = (Grant(kinds=("*",)),)
_COST = 2**10  # nobody guesses it, and every process is asked for tokens while it starts


async def enrol(settings: Settings, sink_url: str) -> None:
    """Into the journal that the settings name; pushes go to `sink_url`/<code>."""
    hashed = hash_secret(SECRET, cost=_COST)
    async with open_store(settings) as store:
        await store.save_agencies(
            [
                *(
                    Agency(code=code, name_vi=f"Cơ quan {code}", grants=_EVERYTHING, wants_status="none")
                    for code in (*SENDERS, *PULLING)
                ),
                *(
                    Agency(code=code, name_vi=f"Sở {code}", grants=_EVERYTHING, endpoint=_endpoint(f"{sink_url}/{code}"))
                    for code in PUSHED
                ),
            ]
        )
        await store.save_credentials(
            [Credential(client_id=code, agency=code, secret_hash=hashed) for code in (*SENDERS, *PULLING)]
        )


def _endpoint(url: str) -> Endpoint:
    return Endpoint(adapter="webhook", url=url, secret=_WEBHOOK_SECRET, timeout_s=5.0)
