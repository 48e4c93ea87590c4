"""`lgsp evidence`: bundles of proof, taken away and checked."""

from pathlib import Path

import click

from lgsp.commands.common import Failed, json_option, print_json, say
from lgsp.evidence.command import verify


@click.group(short_help="Gói chứng cứ · Bundles of evidence, and the offline verifier.")
def evidence() -> None:
    """Gói chứng cứ · Take away evidence of a message or a case, and check it without hub or network."""


evidence.add_command(verify)


@evidence.command()
@json_option
@click.option("-o", "--out", type=click.Path(dir_okay=False, path_type=Path), help="Default: lgsp-evidence-verify.pyz here.")
def verifier(out: Path | None, as_json: bool) -> None:
    """Chương trình kiểm tra độc lập · Write `lgsp evidence verify` as one file that needs nothing but Python.

    It carries what is installed here, compiled packages too, so it is for the version of Python and the kind of machine that are
    named; started elsewhere it says so. Whoever gets it compares its SHA-256 with what you tell them by other means.
    """
    from lgsp.commands.verifier_file import NAME, sha256_of, write_verifier

    path = out or Path(NAME)
    try:
        built = write_verifier(path)
    except OSError as error:
        raise Failed(f"{path}: {error.strerror}", "give a file that can be written: -o FILE") from None
    digest = sha256_of(path)
    if as_json:
        print_json({"file": str(path), "sha256": digest, "python": built.python, "system": built.system})
        return
    say(f"{path}\n  SHA-256 {digest}", "green")
    say(f"  Dành cho · For: Python {built.python}, {built.system}")
    say(f"  python3 {path.name} FILE.asice --log-key VKEY --hub-keys jwks.json --trust DIR")
