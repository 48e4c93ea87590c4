"""The verifier as a program: `lgsp evidence verify`, and the stand-alone file, which is this and nothing else."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from lgsp.evidence.given import Given

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(short_help="Kiểm tra gói chứng cứ · Check a bundle of evidence, offline.")
@click.argument("file", type=_FILE)
@click.option(
    "--log-key",
    "log_keys",
    multiple=True,
    metavar="VKEY",
    help="Key of the log, or a file as /log/vkey gives it (repeatable).",
)
@click.option("--hub-keys", type=_FILE, metavar="JWKS", help="The hub's public keys, as at /.well-known/jwks.json.")
@click.option("--witness-policy", "policy", type=_FILE, help="Log, witnesses and quorum (C2SP tlog-policy).")
@click.option(
    "--trust",
    type=click.Path(file_okay=False, path_type=Path),
    metavar="DIR",
    help="Certificates in PEM: documents/, time-stamps/, intermediates/; keys of senders: partners/*.jwk.",
)
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def verify(
    file: Path, log_keys: tuple[str, ...], hub_keys: Path | None, policy: Path | None, trust: Path | None, as_json: bool
) -> None:
    """Kiểm tra gói chứng cứ · Check a bundle of evidence (.asice) from its first octet to its last.

    No network, no hub. A key that stands in the bundle alone proves nothing: give what you have from elsewhere.

    Exit status 0: proved; 1: something is wrong; 2: cannot be read, or a wrong option; 3: fits together, keys not confirmed.
    """
    from lgsp.evidence.given import Unusable, given

    try:
        brought = given(log_keys, hub_keys, policy, trust)
    except Unusable as error:
        raise click.UsageError(str(error)) from None
    sys.exit(_tell(file, brought, as_json=as_json))


def _tell(file: Path, brought: "Given", *, as_json: bool) -> int:
    from lgsp.evidence.findings import Exit
    from lgsp.evidence.printed import form, lines
    from lgsp.evidence.verify import Unreadable
    from lgsp.evidence.verify import verify as checked

    try:
        with file.open("rb") as opened:
            result = checked(opened, brought, datetime.now(UTC))
    except (Unreadable, OSError) as error:
        _refuse(file, str(error), as_json=as_json)
        return Exit.UNREADABLE
    if as_json:
        click.echo(json.dumps(form(file.name, result), ensure_ascii=False, indent=2))
    else:
        for text, colour in lines(file.name, result):
            click.secho(text, fg=colour)
    return result.exit


def _refuse(file: Path, detail: str, *, as_json: bool) -> None:
    from lgsp.evidence.findings import Exit
    from lgsp.evidence.words import VERDICTS

    words = VERDICTS[Exit.UNREADABLE]
    if as_json:
        told = {"file": file.name, "exit": int(Exit.UNREADABLE), "verdict": "unreadable", "detail": detail}
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        click.secho(f"{words.vi}\n{words.en}\n  {detail}", fg="red", err=True)


def main() -> None:
    """Of the stand-alone file."""
    verify(prog_name="lgsp-evidence-verify")
