"""One upload on disk: `meta.json` says what counts, `data` holds the bytes, `lock` keeps others out. Blocking: for threads.

What is in `data` beyond the offset of `meta.json` does not count and is cut off by whoever goes on. The orders that matter:

- bytes: fsync `data`, then record the offset;
- the end: fsync `data`, then seal (record length and digest), then publish the blob, then remove `data`. A sealed upload is
  never written to again, and whoever meets it publishes it if its writer could not.
"""

import fcntl
import hashlib
import hmac
import os
import shutil
from collections import OrderedDict
from pathlib import Path
from typing import Literal

import msgspec

from contracts.errors import ContractError
from lgsp import durable
from lgsp.blobs import files
from lgsp.ports import Upload

CHECKPOINT_BYTES = 16 * 1024 * 1024  # a killed process costs the sender at most so much
_MAX_DIGESTS = 1024

Checksum = tuple[Literal["sha1", "sha256"], bytes]

_decoder = msgspec.json.Decoder(Upload)


class Digests:
    """Running digests of uploads under way in this process, so that a long upload in many chunks is not read again."""

    def __init__(self) -> None:
        self._running: OrderedDict[str, tuple[int, hashlib._Hash]] = OrderedDict()

    def take(self, upload_id: str, offset_bytes: int, data: Path) -> "hashlib._Hash":
        known, running = self._running.pop(upload_id, (-1, None))
        if running is None or known != offset_bytes:
            return files.digest_beginning(data, offset_bytes)
        return running

    def keep(self, upload_id: str, offset_bytes: int, running: "hashlib._Hash") -> None:
        self._running[upload_id] = (offset_bytes, running)
        if len(self._running) > _MAX_DIGESTS:
            self._running.popitem(last=False)


class UploadFolder:
    """`blobs`: where sealed data is published to."""

    def __init__(self, path: Path, blobs: Path) -> None:
        self.path = path
        self.data = path / "data"
        self._blobs = blobs
        self._meta = path / "meta.json"

    def load(self) -> Upload | None:
        """The upload as it stands; a sealed one is published if a crash kept that from happening. Raises OSError."""
        try:
            upload = _decoder.decode(self._meta.read_bytes())
        except (FileNotFoundError, NotADirectoryError):
            return None
        except msgspec.DecodeError as error:
            raise OSError(f"{self._meta} is damaged: {error}") from error
        if upload.digest is not None and self.data.exists():
            files.publish(self.data, blob_path(self._blobs, upload.digest))
        return upload

    def create(self, upload: Upload) -> None:
        self.path.mkdir()
        self.save(upload)
        durable.sync_folder(self.path.parent)

    def save(self, upload: Upload) -> None:
        durable.replace_file(self._meta, msgspec.json.encode(upload))

    def seal(self, upload: Upload, digest: str) -> Upload:
        sealed = msgspec.structs.replace(upload, offset_bytes=upload.length_bytes, digest=digest)
        self.save(sealed)
        files.publish(self.data, blob_path(self._blobs, digest))
        return sealed

    def lock(self) -> int:
        """A descriptor that keeps other threads and processes out until it is closed.

        Raises ContractError "upload.unknown" or "upload.locked".
        """
        try:
            descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o640)
        except (FileNotFoundError, NotADirectoryError):
            raise ContractError("upload.unknown") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise ContractError("upload.locked") from None
        return descriptor

    def remove(self) -> None:
        """Under the lock. `meta.json` goes first: without it there is no upload."""
        self._meta.unlink(missing_ok=True)
        shutil.rmtree(self.path, ignore_errors=True)


class Appending:
    """Bytes on their way to the end of an upload: `open`, `write` as often as needed, `finish` or `break_off`, always `close`."""

    def __init__(self, folder: UploadFolder, checksum: Checksum | None, digests: Digests) -> None:
        self._folder = folder
        self._digests = digests
        self._checksum = checksum
        self._chunk = hashlib.new(checksum[0], usedforsecurity=False) if checksum else None
        self._unusable = True  # until opened, and after a write that failed
        self._lock = self._data = -1

    def open(self, offset_bytes: int) -> None:
        """Raises ContractError "upload.unknown", "upload.locked", "upload.offset_mismatch"."""
        self._lock = self._folder.lock()
        upload = self._folder.load()
        if upload is None:
            raise ContractError("upload.unknown")
        if offset_bytes != upload.offset_bytes:
            raise ContractError("upload.offset_mismatch", "Upload-Offset", f"the upload stands at {upload.offset_bytes}")
        self.upload = upload
        self._offset = offset_bytes
        if upload.digest is not None:
            return
        self._running = self._digests.take(upload.upload_id, offset_bytes, self._folder.data)
        self._data = os.open(self._folder.data, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o640)
        os.ftruncate(self._data, offset_bytes)
        os.lseek(self._data, offset_bytes, os.SEEK_SET)
        self._unusable = False

    def write(self, octets: bytes) -> None:
        """Raises ContractError "attachment.too_large" when it is more than was announced."""
        self._unusable = True
        if self._offset + len(octets) > self.upload.length_bytes:
            raise ContractError("attachment.too_large", "", f"the file was announced with {self.upload.length_bytes} bytes")
        durable.write_all(self._data, octets)
        self._running.update(octets)
        if self._chunk is not None:
            self._chunk.update(octets)
        self._offset += len(octets)
        if self._chunk is None and self._offset - self.upload.offset_bytes >= CHECKPOINT_BYTES:
            self._record()
        self._unusable = False

    def finish(self, octets: bytes) -> Upload:
        """The last bytes of this chunk. Raises ContractError "upload.checksum_mismatch", "attachment.digest_mismatch"."""
        if self.upload.digest is not None and not octets:
            return self.upload
        self.write(octets)
        if self._checksum and self._chunk and not hmac.compare_digest(self._chunk.digest(), self._checksum[1]):
            raise ContractError("upload.checksum_mismatch", "Upload-Checksum")
        self._record()
        return self.upload

    def break_off(self, octets: bytes) -> None:
        """The sender went away: keep what came, unless it should have been checked as a whole."""
        if self._checksum is None and not self._unusable:
            self.write(octets)
            self._record()

    def close(self) -> None:
        """Lets others in."""
        for descriptor in (self._data, self._lock):
            if descriptor >= 0:
                os.close(descriptor)
        self._lock = self._data = -1

    def _record(self) -> None:
        os.fsync(self._data)
        if self._offset == self.upload.length_bytes:
            self._complete("sha256:" + self._running.hexdigest())
        elif self._offset > self.upload.offset_bytes:
            self.upload = msgspec.structs.replace(self.upload, offset_bytes=self._offset)
            self._folder.save(self.upload)
            self._digests.keep(self.upload.upload_id, self._offset, self._running.copy())

    def _complete(self, digest: str) -> None:
        promised = self.upload.metadata.get("digest")
        if promised is not None and promised != digest:
            self._folder.remove()
            raise ContractError("attachment.digest_mismatch", "Upload-Metadata", f"the bytes that arrived have {digest}")
        self.upload = self._folder.seal(self.upload, digest)


def blob_path(blobs: Path, digest: str) -> Path:
    """`digest`: "sha256:" and hex."""
    algorithm, _, name = digest.partition(":")
    return blobs / algorithm / name[:2] / name[2:4] / name
