"""`--sign` of commands that send: the envelope bears the signature of its sender."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import click

from lgsp.commands.client import Profile
from lgsp.commands.common import Failed

R = TypeVar("R")
_FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


@dataclass(frozen=True, slots=True)
class Sealing:
    """How to sign. Without a key an agency of the sandbox signs with the seal that it was given there."""

    key: Path | None
    certificate: Path | None
    unsigned: bool

    def sealed(self, octets: bytes, profile: Profile) -> bytes:
        """The envelope in its JSON form, signed; as it is where it is signed already or nobody has a key. Raises Failed."""
        pair = self._pair(profile)
        if pair is None:
            return octets
        from contracts import wire
        from lgsp.core.signatures.sealing import key_of_pem, sealed

        envelope = wire.parse(octets)
        if envelope.signature is not None:
            return octets
        key, certificate = pair
        try:
            signer = key_of_pem(key.read_bytes(), certificate.read_bytes())
        except (OSError, ValueError) as error:
            raise Failed(
                f"{key}, {certificate}: {error}", "a private key in PEM without password, and its certificate in PEM"
            ) from None
        return wire.render(sealed(envelope, signer))

    def _pair(self, profile: Profile) -> tuple[Path, Path] | None:
        if self.unsigned:
            return None
        if self.key is not None:
            return self.key, self.certificate or self.key.with_suffix(".pem")
        if profile.seal is None or not profile.seal.with_suffix(".key").exists():
            return None
        return profile.seal.with_suffix(".key"), profile.seal.with_suffix(".pem")


def sealing_options(command: Callable[..., R]) -> Callable[..., R]:
    """The options; the command's argument after the Profile becomes the Sealing."""

    @click.option("--sign", "sign_key", type=_FILE, metavar="KEY", help="Sign with this private key (PEM) of the agency.")
    @click.option(
        "--certificate",
        "sign_certificate",
        type=_FILE,
        help="Its certificate and those of its issuers (PEM); default: KEY with the ending .pem.",
    )
    @click.option("--unsigned", is_flag=True, help="Do not sign, also not with the seal of a sandbox.")
    @functools.wraps(command)
    def sealing(profile: Profile, /, *args: Any, **options: Any) -> R:
        found = Sealing(options.pop("sign_key"), options.pop("sign_certificate"), options.pop("unsigned"))
        return command(profile, found, *args, **options)

    return sealing
