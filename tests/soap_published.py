"""Writes the published WSDL and schema of the SOAP surface as a hub serves them: `python -m tests.soap_published`."""

import asyncio
import tempfile
from pathlib import Path

from lgsp import log
from tests.integration.http_hub import HttpHub, http_hub

FOLDER = Path(__file__).parent.parent / "contracts" / "schemas" / "soap"
HOW = "python -m tests.soap_published"
FILES = {"lgsp.wsdl": "/soap?wsdl", "lgsp.xsd": "/soap?xsd"}


async def served(hub: HttpHub) -> dict[str, bytes]:
    """File name -> octets."""
    return {name: (await hub.call("GET", path, agency=None)).octets for name, path in FILES.items()}


async def main() -> None:
    log.configure("json", "error")
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lgsp-soap-") as folder:
        async with http_hub(Path(folder)) as hub:
            for name, octets in (await served(hub)).items():
                (FOLDER / name).write_bytes(octets)
                print(f"{FOLDER.name}/{name}: {len(octets)} bytes")


if __name__ == "__main__":
    asyncio.run(main())
