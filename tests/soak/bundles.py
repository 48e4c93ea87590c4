"""Every byte of a small bundle is changed, each in three ways: every one has to be noticed."""

import argparse
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from lgsp.evidence.findings import Exit
from lgsp.evidence.verify import Unreadable
from tests.bundles import bundle, checked, content, everything

_WAYS = (0x01, 0x80, 0xFF)


def noticed(octets: bytes) -> bool:
    try:
        return checked(octets, everything()).exit is Exit.WRONG
    except Unreadable:
        return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--every", type=int, default=1, help="only each n-th byte")
    every = parser.parse_args().every
    started = time.monotonic()
    with TemporaryDirectory(prefix="bundles-") as folder:
        octets = bundle(content(Path(folder)))
        assert checked(octets, everything()).exit is Exit.PROVED
        overlooked = 0
        for place in range(0, len(octets), every):
            for way in _WAYS:
                changed = octets[:place] + bytes((octets[place] ^ way,)) + octets[place + 1 :]
                if not noticed(changed):
                    overlooked += 1
                    print(f"byte {place} xor {way:#04x} was not noticed", file=sys.stderr)
    print(f"{len(octets)} bytes, {len(_WAYS)} changes each {every}: {overlooked} overlooked, {time.monotonic() - started:.0f} s")
    return 1 if overlooked else 0


if __name__ == "__main__":
    sys.exit(main())
