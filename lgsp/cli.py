"""The command line. Exit status: 0 done, 1 the job failed, 2 the command line or the settings are wrong, 3 the journal is not the
one whose log was signed."""

import sys
from pathlib import Path
from typing import Any

import click

from contracts.errors import ContractError
from lgsp import __version__
from lgsp.commands import (  # noqa: F401 - they add their commands to others
    access,
    endpoint,
    feed,
    log_between,
    log_keys,
    log_monitor,
    log_verify,
    quota,
    replays,
    signature_show,
    signers,
    subscription,
    trust_check,
    trust_evidence,
    trust_stamp,
    wsdl,
)
from lgsp.commands.agency import agency
from lgsp.commands.archive import archive
from lgsp.commands.balance import balance
from lgsp.commands.common import Failed, Invocation, Refused, print_if_json
from lgsp.commands.contract import contract
from lgsp.commands.deadletter import deadletter
from lgsp.commands.demo import demo
from lgsp.commands.demo_pki import demo_pki
from lgsp.commands.doctor import doctor
from lgsp.commands.evidence import evidence
from lgsp.commands.explain import explain
from lgsp.commands.key import key
from lgsp.commands.listen import listen
from lgsp.commands.log import log
from lgsp.commands.mailbox import mailbox
from lgsp.commands.maintenance import drain, maintenance
from lgsp.commands.postal import postal
from lgsp.commands.recall import recall
from lgsp.commands.receipt import receipt
from lgsp.commands.republish import republish
from lgsp.commands.retention import erase, retention
from lgsp.commands.send import send
from lgsp.commands.serve import gateway, run_hub, worker
from lgsp.commands.signature import signature
from lgsp.commands.simulate import simulate
from lgsp.commands.status import status
from lgsp.commands.trace import trace
from lgsp.commands.trust import trust
from lgsp.commands.witness import witness
from lgsp.errors import LgspError, SettingsError

COMMANDS = (
    run_hub,
    gateway,
    worker,
    demo,
    send,
    receipt,
    recall,
    mailbox,
    listen,
    explain,
    trace,
    status,
    postal,
    agency,
    contract,
    signature,
    evidence,
    trust,
    key,
    log,
    demo_pki,
    simulate,
    deadletter,
    balance,
    maintenance,
    drain,
    republish,
    retention,
    erase,
    archive,
    witness,
    doctor,
)


class WrongSettings(Failed):
    """The settings cannot be used."""

    exit_code = 2


class Lgsp(click.Group):
    """Turns the hub's own errors into exit statuses and remedies; lists commands in the order in which one meets them."""

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return self._invoke(ctx)
        except Failed as failed:
            print_if_json(failed)
            raise

    def _invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except SettingsError as error:
            shown = "\n".join(f"  {problem}" for problem in error.problems)
            raise WrongSettings(
                f"The settings are wrong:\n{shown}",
                "deploy/settings.example.toml explains every setting",
                code="settings.invalid",
            ) from None
        except ContractError as error:
            raise Refused(_problem(error)) from None
        except LgspError as error:
            raise Failed(f"{type(error).__name__}: {error}", "`lgsp doctor` looks for the cause") from error

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.commands)


def _problem(error: ContractError) -> dict[str, Any]:
    """As the hub would answer it."""
    known = error.problem
    return {
        "code": error.code,
        "title": known.title_en,
        "title_vi": known.title_vi,
        "field": error.field,
        "detail": error.detail,
        "remedy": known.remedy_en,
        "remedy_vi": known.remedy_vi,
    }


@click.group(cls=Lgsp, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--settings",
    "settings_file",
    envvar="LGSP_SETTINGS",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Settings in TOML (or LGSP_SETTINGS); LGSP_<NAME> in the environment wins over it.",
)
@click.version_option(__version__, prog_name="lgsp")
@click.pass_context
def cli(ctx: click.Context, settings_file: Path | None) -> None:
    """Trục liên thông văn bản và hồ sơ · The hub through which agencies exchange case files and documents.

    \b
    First steps:
      lgsp run --demo                                   a hub and a province that uses it
      lgsp send case.file --example --as H01.101 --to H01.102
      lgsp mailbox --as H01.102
    """
    ctx.obj = Invocation(settings_file)


for command in COMMANDS:
    cli.add_command(command)


def main() -> None:
    """The console script."""
    try:
        cli.main(prog_name="lgsp")
    except BrokenPipeError:  # `lgsp ... | head`: the reader has seen enough
        sys.stderr.close()
        sys.exit(0)


if __name__ == "__main__":
    main()
