"""Files that come with an envelope: attached to it by what they are, and uploaded as if the caller had done so before."""

import hashlib
from collections.abc import Sequence
from typing import Any

from lgsp.http import tus
from lgsp.http.soap.inner import Asked
from lgsp.http.soap.operations import SentFile


def attached(envelope: dict[str, Any], files: Sequence[SentFile]) -> dict[str, Any]:
    """The envelope in JSON's terms with every file among its attachments; one that it names already stays as it was named."""
    attachments = list(envelope.get("attachments", ()))
    for file in files:
        digest = f"sha256:{hashlib.sha256(file.content).hexdigest()}"
        if digest not in {one.get("digest") for one in attachments}:
            named = {"media_type": file.media_type, "name": file.name}
            attachments.append({"digest": digest, "size_bytes": len(file.content), **named})
    return envelope | {"attachments": attachments}


def upload(file: SentFile) -> Asked:
    """What `createUpload` is asked."""
    headers = {"Tus-Resumable": tus.VERSION, "Upload-Length": str(len(file.content)), "Content-Type": tus.CHUNK}
    return Asked(headers=headers, body=file.content)
