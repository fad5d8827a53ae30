"""The service's database: what it refuses to open, and what it does when it cannot be used."""

import os
import sqlite3
import stat
import subprocess
import sys
import threading

import anyio
import pytest
from sqlalchemy import func, insert, select

from api.database import Database
from api.errors import Problem
from api.tables import VERSION, batches, items
from quotes.errors import DatabaseUnusable
from tests.conftest import ROOT

pytestmark = pytest.mark.anyio


@pytest.fixture
def opened(database):
    opened = Database(database)
    yield opened
    opened.close()


def add(connection, name="b"):
    connection.execute(insert(batches).values(id=name, request_id="r", created=1))


def count(connection):
    return connection.execute(select(func.count()).select_from(batches)).scalar_one()


async def test_what_is_written_is_there_when_it_is_opened_again(opened, database):
    await opened.write(add)
    assert await opened.read(count) == 1
    again = Database(database)
    assert await again.read(count) == 1
    again.close()


async def test_a_write_that_fails_writes_nothing(opened):
    def half(connection):
        add(connection)
        raise ValueError("half way")

    with pytest.raises(ValueError, match="half way"):
        await opened.write(half)
    assert await opened.read(count) == 0


async def test_readers_read_while_a_writer_writes_and_writers_follow_one_another(opened):
    written, release = threading.Event(), threading.Event()

    def slow(connection):
        add(connection, "slow")
        written.set()
        assert release.wait(30)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(opened.write, slow)
        await anyio.to_thread.run_sync(written.wait, 30)
        tasks.start_soon(opened.write, add)
        assert await opened.read(count) == 0
        release.set()
    assert await opened.read(count) == 2


async def test_rows_of_a_batch_go_with_it(opened):
    def fill(connection):
        add(connection)
        connection.execute(insert(items).values(batch="b", position=0, stored=0, received=1))
        connection.execute(batches.delete())
        return connection.execute(select(func.count()).select_from(items)).scalar_one()

    assert await opened.write(fill) == 0


def test_the_file_is_its_owners_alone(opened, database):
    for path in database.parent.glob("quotes.sqlite*"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def other_program(path):
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (id)")


def later_release(path):
    Database(path).close()
    with sqlite3.connect(path) as connection:
        connection.execute(f"PRAGMA user_version = {VERSION + 1}")


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path.mkdir(), "Is a directory"),
        (lambda path: path.write_text("article " * 1000), "file is not a database"),
        (other_program, "it belongs to another program"),
        (later_release, "a later release of quotes made it"),
    ],
)
def test_what_is_no_database_of_ours_is_refused_and_left_as_it_is(database, make, said):
    make(database)
    before = database.read_bytes() if database.is_file() else None
    with pytest.raises(DatabaseUnusable, match=said) as refused:
        Database(database)
    assert str(database) in str(refused.value)
    assert "QUOTES_DATABASE" in str(refused.value)
    assert before is None or database.read_bytes() == before


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(DatabaseUnusable, match="No such file or directory"):
        Database(tmp_path / "none" / "quotes.sqlite")


@pytest.fixture
def impatient(monkeypatch, database):
    monkeypatch.setattr("api.database.BUSY_SECONDS", 0)
    opened = Database(database)
    yield opened
    opened.close()


async def test_a_database_that_another_process_holds_is_a_problem_and_no_failure(impatient, database, caplog):
    other = sqlite3.connect(database, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Problem) as raised:
        await impatient.write(add)
    assert raised.value.kind.slug == "database-unusable"
    assert raised.value.headers["Retry-After"]
    assert "locked" in caplog.text
    other.execute("ROLLBACK")
    other.close()
    await impatient.write(add)
    assert await impatient.read(count) == 1


async def test_a_full_disk_is_a_problem_and_what_was_stored_stays(opened):
    await opened.write(add)

    def too_much(connection):
        (pages,) = connection.exec_driver_sql("PRAGMA page_count").one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        add(connection, "x" * 1_000_000)

    with pytest.raises(Problem) as raised:
        await opened.write(too_much)
    assert raised.value.status_code == 503
    assert await opened.read(count) == 1


async def test_a_fault_of_ours_is_no_problem_of_the_disk(opened):
    with pytest.raises(Exception, match="no such table: absent"):
        await opened.write(lambda connection: connection.exec_driver_sql("SELECT * FROM absent"))


def test_an_unusable_database_stops_the_service_at_its_start(tmp_path):
    path = tmp_path / "none" / "quotes.sqlite"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "QUOTES_DATABASE": str(path)}
    command = [sys.executable, "-m", "quotes.cli", "serve", "--port", "0"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, timeout=60, check=False)
    assert done.returncode == 1
    assert done.stderr.decode().splitlines()[-1].startswith(f"quotes: the database {path} cannot be used")
    assert b"Traceback" not in done.stderr
