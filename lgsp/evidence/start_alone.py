"""Starts the verifier out of one file (a zipapp). Standard library alone: what it carries is not there yet.

Compiled packages cannot be loaded from an archive: they are unpacked to a folder that only this user can read and that is gone
afterwards. Plain enough for any Python 3 of these years, so that one of another version can say what is wrong.
"""

import json
import platform
import shutil
import sys
import sysconfig
import tempfile
import zipfile
from pathlib import Path
from typing import Dict, Optional  # noqa: UP035 - see above


def trouble(built: Dict[str, str]) -> Optional[str]:  # noqa: UP006, UP045
    """What is wrong with this Python, in both languages; None: nothing."""
    here, system = f"{sys.version_info[0]}.{sys.version_info[1]}", this_system()
    if (here, system) == (built["python"], built["system"]):
        return None
    made_for = f"Python {built['python']}, {built['system']}"
    return (
        f"Tệp này dành cho {made_for}; máy này là Python {here}, {system}."
        " Hãy dùng đúng phiên bản, hoặc tạo tệp trên máy cùng loại: lgsp evidence verifier -o TỆP\n"
        f"This file is for {made_for}; here is Python {here}, {system}."
        " Use that one, or write the file on a machine of this kind: lgsp evidence verifier -o FILE\n"
    )


def this_system() -> str:
    """As compiled packages need it: system, processor, C library."""
    return f"{sysconfig.get_platform()}-{platform.libc_ver()[0] or 'other'}"


def main() -> int:
    archive, folder = Path(__file__).absolute().parent, tempfile.mkdtemp(prefix="lgsp-evidence-verify-")
    try:
        with zipfile.ZipFile(archive) as opened:
            wrong = trouble(json.loads(opened.read("built-for.json").decode("utf-8")))
            if wrong is not None:
                sys.stderr.write(wrong)
                return 2
            opened.extractall(folder, [name for name in opened.namelist() if name.startswith("compiled/")])
        sys.path[:0] = [str(Path(folder) / "compiled"), str(archive / "pure")]
        from lgsp.evidence.command import main as verify

        verify()
        return 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
