"""Clients that others wrote make their stubs from our WSDL and go the whole road: zeep, and the npm package soap.

The latter then takes what we deliver, as a service made of another WSDL."""

import asyncio
import json
import shutil
import subprocess
import sys
from pathlib import Path

from contracts.kinds import find
from contracts.kinds.xml import to_xml
from tests.integration.http_hub import COMMUNE, LAND_OFFICE, HttpHub, progress
from tests.interop import soap_service
from tests.interop.programs import Wrong
from tests.signatures import agency
from tests.soap_client import sealed_hub

_HERE = Path(__file__).parent / "soap"
_LIMIT_S = 120


class NoNode(Exception):
    """There is no Node.js."""


async def check(folder: Path) -> int:
    """How many went the road. Raises Wrong, NoNode or subprocess.CalledProcessError."""
    node = await asyncio.to_thread(_with_package, folder / "npm")
    async with sealed_hub(folder / "soap-hub") as hub:
        given = _given(hub, folder)
        await asyncio.to_thread(_goes, [node, str(folder / "npm" / "road.mjs"), str(given)], "npm soap")
        await asyncio.to_thread(_goes, [sys.executable, "-m", "tests.interop.soap.road_zeep", str(given)], "zeep")
    await soap_service.check(node, folder / "npm" / "service.mjs", folder)
    return 3


def _with_package(folder: Path) -> str:
    """Node, beside what package-lock.json names, installed without running anything of it."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        raise NoNode("Node.js is not installed: run deploy/install/test-node.sh as root")
    folder.mkdir()
    for name in ("package.json", "package-lock.json", "road.mjs", "service.mjs"):
        shutil.copy(_HERE / name, folder)
    subprocess.run(
        [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=folder, check=True, timeout=_LIMIT_S
    )
    return node


def _given(hub: HttpHub, folder: Path) -> Path:
    """What the clients are told, as a file: addresses, tokens, a key with its certificate, bodies."""
    key, certificate = folder / "seal-key.pem", folder / "seal.pem"
    key.write_bytes(agency().key_pem)
    certificate.write_bytes(agency().pem)
    kind = find("case.progress/1")
    told = {
        "url": hub.url,
        "sender": COMMUNE,
        "recipient": LAND_OFFICE,
        "senderToken": hub.tokens.issue(COMMUNE, "interop"),
        "recipientToken": hub.tokens.issue(LAND_OFFICE, "interop"),
        "key": str(key),
        "certificate": str(certificate),
        "bodies": [json.dumps(progress(number), ensure_ascii=False) for number in range(4)],
        "document": to_xml(kind, kind.examples[0].body).decode().partition("?>")[2].strip(),
    }
    file = folder / "soap.json"
    file.write_text(json.dumps(told), encoding="utf-8")
    return file


def _goes(command: list[str], name: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=_LIMIT_S)
    if done.returncode != 0:
        raise Wrong(f"{name}: {done.stdout}{done.stderr}")
    print(done.stdout, end="", flush=True)
