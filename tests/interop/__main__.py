"""`make interop`: clients of other makers read logs of ours, in files and at a running hub, and refuse what was changed; others
go the whole road of an envelope by SOAP, or take what the hub delivers by it.

Exit status 1 when a client finds fault with a log, or does not find what was changed, or gets lost, or cannot be built. A client
that needs a newer Go than there is says so and is left out; sumdb, which any Go from 1.19 builds, is never left out.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.interop import files, hub, soap_roads
from tests.interop.programs import SUMDB, TESSERA, NoGo, Program, Wrong
from tests.interop.soap_roads import NoNode


def main() -> int:
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lgsp-interop-") as place:
        folder = Path(place)
        try:
            programs = _build(folder)
            runs = files.check(folder, programs) + asyncio.run(hub.check(folder, programs))
            roads = asyncio.run(soap_roads.check(folder))
        except (NoGo, NoNode, Wrong, subprocess.SubprocessError, TimeoutError) as error:
            print(f"interop: {error}", file=sys.stderr)
            return 1
    names = " and ".join(one.name for one in programs)
    print(f"interop: {runs} runs of {names} and {roads} others over SOAP as they should be, in {time.monotonic() - begun:.0f} s")
    return 0


def _build(folder: Path) -> list[Program]:
    programs = [SUMDB.build(folder)]
    try:
        programs.append(TESSERA.build(folder))
    except NoGo as error:
        print(f"interop: NOT RUN: {TESSERA.name}, because {error}", file=sys.stderr)
    return programs


if __name__ == "__main__":
    sys.exit(main())
