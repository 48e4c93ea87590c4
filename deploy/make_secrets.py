#!/usr/bin/env python3
"""Makes the passwords and keys of a production set-up, once, into deploy/secrets (needs nothing but Python).

    python3 deploy/make_secrets.py [--rabbitmq HOST:PORT] [--postgres HOST:PORT] [--folder FOLDER]

Files: amqp_url, journal_url, postgres_password, token_key, definitions.json (RabbitMQ, with its
password's hash). What exists already is never overwritten: remove the whole folder to start again, before the first start of the
servers only.
"""

import argparse
import base64
import hashlib
import json
import secrets
import sys
from pathlib import Path

HERE = Path(__file__).parent


def rabbitmq_hash(password: str, salt: bytes) -> str:
    """As RabbitMQ stores it: 4 octets of salt, then SHA-256 of salt and password, in base64."""
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode("ascii")


def definitions(password: str) -> str:
    """The definitions of the repository with a password for the user lgsp."""
    table = json.loads((HERE / "rabbitmq" / "definitions.json").read_text(encoding="utf-8"))
    for user in table["users"]:
        user["password_hash"] = rabbitmq_hash(password, secrets.token_bytes(4))
    return json.dumps(table, indent=2) + "\n"


def contents(rabbitmq: str, postgres: str) -> dict[str, str]:
    """File name -> content; passwords are letters and digits only, so that no URL needs escaping."""
    broker_password, journal_password = secrets.token_hex(24), secrets.token_hex(24)
    return {
        "amqp_url": f"amqp://lgsp:{broker_password}@{rabbitmq}/lgsp",
        "journal_url": f"postgresql://lgsp:{journal_password}@{postgres}/lgsp",
        "postgres_password": journal_password,
        "token_key": secrets.token_hex(32),
        "definitions.json": definitions(broker_password),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rabbitmq", default="rabbitmq:5672", metavar="HOST:PORT", help="default: the container's name and port")
    parser.add_argument("--postgres", default="postgres:5432", metavar="HOST:PORT", help="default: the container's name and port")
    parser.add_argument("--folder", type=Path, default=HERE / "secrets", help="default: deploy/secrets")
    asked = parser.parse_args()
    if asked.folder.exists():
        print(f"{asked.folder} exists already: nothing was changed.", file=sys.stderr)
        return 1
    # Nobody but the owner enters the folder; a file's own mode lets the containers' users read what is mounted for them.
    asked.folder.mkdir(mode=0o700, parents=True)
    for name, content in contents(asked.rabbitmq, asked.postgres).items():
        path = asked.folder / name
        path.write_text(content, encoding="utf-8")
        path.chmod(0o444)
    print(f"Made in {asked.folder}. Keep a copy in the safe: the backup of the hub does not hold it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
