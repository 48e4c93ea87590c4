"""A small disk of a test's own, which can be filled: an ext4 file system in a file."""

import errno
import os
import subprocess
import tempfile
from pathlib import Path

from tests.servers.process import ServerFailed, ServerMissing, find_program

_CHUNK_BYTES = 1 << 16


class SmallDisk:
    """Mounted at `folder` for as long as the object is not closed."""

    def __init__(self, size_mib: int = 128) -> None:
        """Raises ServerMissing where it cannot be mounted: that takes root and loop devices."""
        if os.geteuid() != 0:
            raise ServerMissing("a disk that is full needs a mount, and only root may mount: run `make test` as root")
        make = find_program("mkfs.ext4", ("/usr/sbin", "/sbin"), "e2fsprogs")
        self.folder = Path(tempfile.mkdtemp(prefix="lgsp-disk-"))
        self._image = self.folder.with_suffix(".img")
        self._ballast = self.folder / "ballast"
        try:
            with self._image.open("wb") as image:
                image.truncate(size_mib << 20)
            _run(str(make), "-q", "-m", "0", str(self._image))
            _mount(self._image, self.folder)
        except BaseException:
            self._remove()
            raise
        self.folder.chmod(0o755)

    def __enter__(self) -> "SmallDisk":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def fill(self) -> None:
        """To the last block; again when somebody made room meanwhile."""
        size_bytes = _CHUNK_BYTES
        with self._ballast.open("ab", buffering=0) as ballast:
            while size_bytes:
                try:
                    ballast.write(b"\0" * size_bytes)
                except OSError as error:
                    if error.errno != errno.ENOSPC:
                        raise
                    size_bytes //= 2
            os.fsync(ballast.fileno())

    def make_room(self) -> None:
        """Somebody removed what was in the way."""
        self._ballast.unlink(missing_ok=True)

    def close(self) -> None:
        """Unmounts, also under whoever still uses it, and removes the file; again is harmless."""
        subprocess.run(["umount", "--lazy", self.folder], capture_output=True, check=False)
        self._remove()

    def _remove(self) -> None:
        self._image.unlink(missing_ok=True)
        if self.folder.exists():
            self.folder.rmdir()


def _mount(image: Path, folder: Path) -> None:
    try:
        _run("mount", "-o", "loop", str(image), str(folder))  # the loop device is given back by umount
    except ServerFailed as failed:
        raise ServerMissing(f"a disk that is full needs a loop device, and there is none to be had: {failed}") from failed


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ServerFailed(f"{' '.join(command)}: {done.stdout}{done.stderr}")
