"""Reads what `identidex export` wrote, and the index itself, with what analysts use. Arguments: the index, the folder of Parquet
files, the folder of CSV files. Prints a line of JSON: for each view, how many rows each reader found."""

import json
import sqlite3
import sys

import duckdb
import pandas
import polars
from duckdb_extensions import import_extension

index, parquet, csv = sys.argv[1:]
import_extension("sqlite_scanner")
duck = duckdb.connect()
duck.execute("LOAD sqlite_scanner")
duck.execute(f"ATTACH '{index}' AS identity (TYPE sqlite, READ_ONLY)")
lite = sqlite3.connect(f"file:{index}?mode=ro&immutable=1", uri=True)

counts = {}
for (view,) in lite.execute("SELECT name FROM sqlite_schema WHERE type = 'view'").fetchall():
    (rows,) = lite.execute(f"SELECT count(*) FROM {view}").fetchone()
    sql = f"SELECT * FROM {view}"
    table = f"{csv}/{view}.csv"
    frames = {
        "sqlite3": rows,
        "pandas": len(pandas.read_sql_query(sql, lite)),
        "polars": polars.read_database(sql, lite, infer_schema_length=None).height,
        "duckdb": len(duck.execute(f"SELECT * FROM identity.{view}").fetchall()),
        "parquet pandas": len(pandas.read_parquet(f"{parquet}/{view}.parquet")),
        "parquet polars": polars.read_parquet(f"{parquet}/{view}.parquet").height,
        "parquet duckdb": duck.execute(f"SELECT count(*) FROM '{parquet}/{view}.parquet'").fetchone()[0],
        "csv pandas": len(pandas.read_csv(table)),
        "csv polars": polars.read_csv(table, infer_schema_length=None).height,
        "csv duckdb": duck.execute(f"SELECT count(*) FROM read_csv('{table}', header = true)").fetchone()[0],
    }
    counts[view] = frames
    first = pandas.read_csv(table).columns[0]
    assert not first.startswith("\ufeff"), first

dates = polars.read_parquet(f"{parquet}/accounts.parquet").schema["last_seen"]
assert dates == polars.Datetime("ms", "UTC"), dates
print(json.dumps(counts))
