"""What a user would pick instead of identidex: one day's files loaded into a local database with indexes.

    peers.py sqlite3|duckdb|polars FOLDER DATABASE
    peers.py versions

FOLDER holds users/*.csv, devices/*.csv and logins/*.csv, one file each. The database is built beside DATABASE, made
durable and renamed over it, so that the first day and a later day are the same work. An upsert by key was slower for
every peer (see README.md).
"""

import os
import subprocess
import sys
from pathlib import Path

TABLES = ("users", "devices", "logins")

# Most useful first; a peer gets the first so many of them. No serial number and no device.uid: less than identidex answers.
INDEXES = (
    ("users", "user.sid"),
    ("users", "user.name"),
    ("users", "user.upn"),
    ("users", "user.ad.email_address"),
    ("devices", "device.name"),
    ("logins", "user.name"),
    ("logins", "device.name"),
    ("users", "user.uid"),
    ("devices", "device.collector.uid"),
)


def index_statements(count: int) -> list[str]:
    """People type any case, so the lookups go by lower-cased values."""
    return [
        f'CREATE INDEX "{table} {column}" ON {table} (lower("{column}"))'
        for table, column in INDEXES[:count]
    ]


def sqlite3(files: dict[str, Path], database: Path) -> None:
    """The command line tool with 7 indexes."""
    script = [f'.import --csv "{path}" {table}' for table, path in files.items()]
    script += [f"{statement};" for statement in index_statements(7)]
    command = ["sqlite3", "-bail", str(database)]
    subprocess.run(command, input="\n".join(script), text=True, check=True)


def duckdb(files: dict[str, Path], database: Path) -> None:
    """read_csv with every column as text, 9 indexes."""
    import duckdb

    with duckdb.connect(str(database)) as connection:
        connection.execute("SET preserve_insertion_order = false")
        for table, path in files.items():
            rows = f"read_csv('{path}', header = true, all_varchar = true)"
            connection.execute(f"CREATE TABLE {table} AS FROM {rows}")
        for statement in index_statements(9):
            connection.execute(statement)
        connection.execute("CHECKPOINT")


def polars(files: dict[str, Path], database: Path) -> None:
    """Polars reads, the ADBC driver of SQLite writes, 9 indexes."""
    import adbc_driver_sqlite.dbapi
    import polars

    with adbc_driver_sqlite.dbapi.connect(str(database)) as connection:
        with connection.cursor() as cursor:
            for table, path in files.items():
                rows = polars.read_csv(path, infer_schema=False)
                cursor.adbc_ingest(table, rows.to_arrow())
            for statement in index_statements(9):
                cursor.execute(statement)
        connection.commit()


PEERS = {"sqlite3": sqlite3, "duckdb": duckdb, "polars": polars}


def load(peer: str, folder: Path, database: Path) -> None:
    files = {table: next((folder / table).glob("*.csv")) for table in TABLES}
    building = database.with_name(f"{database.name}.new")
    building.unlink(missing_ok=True)
    PEERS[peer](files, building)
    sync(building)
    building.replace(database)
    sync(database.parent)


def sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def versions() -> str:
    import adbc_driver_sqlite
    import duckdb
    import polars

    shell = subprocess.run(["sqlite3", "--version"], capture_output=True, text=True, check=True)
    return (
        f"sqlite3 {shell.stdout.split()[0]}, DuckDB {duckdb.__version__}, "
        f"Polars {polars.__version__} with ADBC SQLite {adbc_driver_sqlite.__version__}"
    )


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["versions"]:
            print(versions())
        case [peer, folder, database] if peer in PEERS:
            load(peer, Path(folder), Path(database))
        case _:
            sys.exit(__doc__)
