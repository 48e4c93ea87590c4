"""A PKCS#11 token in software: Debian's SoftHSM, with a token of the test run's own."""

import os
import subprocess
from pathlib import Path

from tests.servers.process import ServerMissing, find_program

_MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/softhsm/libsofthsm.so", "/usr/lib64/pkcs11/libsofthsm2.so")


class SoftHsm:
    """The library reads its configuration once a process: all tests share one token, under labels of their own."""

    label, pin = "lgsp-test", "483920175"

    def __init__(self, folder: Path) -> None:
        """Raises ServerMissing."""
        program = find_program("softhsm2-util", ("/usr/bin",), "softhsm2")
        found = next((Path(one) for one in _MODULES if Path(one).exists()), None)
        if found is None:
            raise ServerMissing("softhsm2-util is there, its library is not: install softhsm2")
        self.module = found
        (folder / "tokens").mkdir()
        (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder}/tokens\nlog.level = ERROR\n")
        os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
        command = [str(program), "--init-token", "--free", "--label", self.label, "--pin", self.pin, "--so-pin", "0" * 8]
        subprocess.run(command, check=True, capture_output=True, timeout=30)
