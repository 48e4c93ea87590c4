"""`lgsp log`: the evidence log, for operators and auditors."""

import click


@click.group(short_help="Nhật ký bằng chứng · The log that nobody can quietly rewrite.")
def log() -> None:
    """Nhật ký bằng chứng · What the log of evidence proves."""
