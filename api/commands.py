"""The service's commands: `quotes serve`, `quotes keys`. What is slow to import is imported by the command that needs it."""

import argparse
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from quotes.errors import InputError
from quotes.terminal import one_line, rendered

if TYPE_CHECKING:
    from api.database import Database

_SECOND = 10**9  # nanoseconds


def add_service(commands: Any) -> None:
    """Add `serve` and `keys` to the command line's subparsers."""
    serve = commands.add_parser("serve", help="start the API")
    serve.add_argument("--host", help="where to listen (default: QUOTES_HOST, or 127.0.0.1)")
    serve.add_argument("--port", type=int, help="where to listen (default: QUOTES_PORT, or 8000)")
    serve.set_defaults(command=_serve)

    keys = commands.add_parser("keys", help="make, list and revoke API keys; once there is one, the API asks for it")
    actions = keys.add_subparsers(required=True, metavar="ACTION")
    create = actions.add_parser("create", help="make a key and print it: the only time that it can be seen")
    create.add_argument("name", metavar="NAME", help="who will use it, or what for")
    create.add_argument(
        "--scope",
        choices=["read", "write", "admin"],
        default="read",
        help="read (default): analyse, and read what is stored; write: also store and delete; admin: also /metrics",
    )
    create.set_defaults(command=_create_key)
    actions.add_parser("list", help="list the keys, without their secrets").set_defaults(command=_list_keys)
    revoke = actions.add_parser("revoke", help="put a key out of force, at once and for good")
    revoke.add_argument("id", metavar="ID", help="as in the list")
    revoke.set_defaults(command=_revoke_key)


def _serve(args: argparse.Namespace) -> int:
    from api.serving import serve
    from quotes.settings import settings_in_force

    settings = settings_in_force()
    host = settings.host if args.host is None else args.host
    port = settings.port if args.port is None else args.port
    serve(settings.model_copy(update={"host": host, "port": port}))
    return 0


def _create_key(args: argparse.Namespace) -> int:
    from api import keys

    with closing(_database()) as database, database.writing() as connection:
        key = keys.create(connection, args.name, keys.Scope(args.scope))
    print(key)
    print(f"quotes: note it now: {_path()} keeps only its hash", file=sys.stderr)
    return 0


def _list_keys(args: argparse.Namespace) -> int:
    from rich.table import Table
    from rich.text import Text

    from api import keys

    with closing(_database()) as database, database.reading() as connection:
        made = keys.made(connection)
    table = Table("Id", "Name", "Scope", "Created", "Revoked")
    for key in made:
        cells = (key.id, one_line(key.name), key.scope.value, _moment(key.created), _moment(key.revoked))
        table.add_row(*(Text(cell) for cell in cells))
    sys.stdout.write(rendered(table))
    return 0


def _revoke_key(args: argparse.Namespace) -> int:
    from api import keys

    with closing(_database()) as database, database.writing() as connection:
        if not keys.revoke(connection, args.id):
            raise InputError(f"{args.id}: no key in force in {_path()} has this id; quotes keys list shows all")
    return 0


def _database() -> "Database":
    from api.database import Database

    return Database(_path())


def _path() -> Path:
    from quotes.settings import settings_in_force

    return settings_in_force().database.absolute()


def _moment(nanoseconds: int | None) -> str:
    return (
        "–"
        if nanoseconds is None
        else datetime.fromtimestamp(nanoseconds // _SECOND, UTC).strftime("%Y-%m-%d %H:%M UTC")
    )
