"""What endpoints and feeds have in common on the command line: options of the adapter, secrets, service descriptions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click

from lgsp.commands.common import Failed

MAX_WSDL_BYTES = 2 * 2**20
_MAX_SECRET_CHARS = 2000
_SOUNDS_SECRET = ("secret", "password", "passwd", "token", "key_value")

adapter_options = click.option(
    "--option",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    help="What the adapter wants to know besides (adapters/<name>/README.md); once for each. NAME= takes it away.",
)
secret_option = click.option(
    "--secret-file",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="The partner's secret, as the first line of a file: on the command line others could read it.",
)


def changed_options(old: dict[str, str], given: Sequence[str]) -> dict[str, str]:
    """Raises Failed for what is no NAME=VALUE, and for a secret, which would be shown to whoever lists agencies."""
    found = dict(old)
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name.strip():
            raise Failed(f"{one} is no NAME=VALUE.", "for example --option customer_code=AG01")
        if any(word in name.lower() for word in _SOUNDS_SECRET) and value not in ("", "{secret}"):
            raise Failed(f"{name} sounds like a secret.", "secrets go into --secret-file")
        found[name.strip()] = value
    return {name: value for name, value in found.items() if value}


def read_secret(file: Path) -> str:
    lines = file.read_text(encoding="utf-8").splitlines()
    secret = lines[0].strip() if lines else ""
    if not 0 < len(secret) <= _MAX_SECRET_CHARS:
        raise Failed(f"{file}: the first line is no secret of at most {_MAX_SECRET_CHARS} characters.", "one line, nothing else")
    return secret


def read_wsdl(file: Path) -> str:
    if file.stat().st_size > MAX_WSDL_BYTES:
        raise Failed(f"{file} is larger than {MAX_WSDL_BYTES} bytes.", "leave out operations that nobody calls")
    try:
        return file.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise Failed(f"{file} is not UTF-8.", "convert it, and correct its XML declaration") from None


def address(url: str) -> str:
    """Raises Failed for what is no http(s) address, and for one with a user name in it."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        raise Failed(f"{url} is no address.", "give https://host/path, without a user name")
    return url


def chosen(name: str, known: Sequence[str]) -> str:
    if name not in known:
        raise Failed(f"There is no adapter {name}.", f"there are {', '.join(known) or 'none'}")
    return name


def shown(connection: dict[str, Any]) -> dict[str, Any]:
    """An endpoint or a feed as JSON for people: without its secret, and with the size of its WSDL instead of the text."""
    found = {name: value for name, value in connection.items() if name != "secret"}
    if "wsdl" in found:
        found["wsdl"] = f"{len(found['wsdl'])} characters"
    return found
