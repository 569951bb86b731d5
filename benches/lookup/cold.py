"""Times whole processes from their start to their first answer: Markdown rows. Arguments: INDEX TEXT FIRST IDENTIDEX PYTHON,
where FIRST is the program of src/bin/first.rs and PYTHON an interpreter that has the package.
"""

import statistics
import subprocess
import sys
import time

RUNS = 30

IDENTIDEX = "import sys, identidex; print(identidex.open(sys.argv[1]).find(sys.argv[2]).outcome)"
SQLITE = """
import sqlite3, sys
connection = sqlite3.connect(f"file:{sys.argv[1]}?immutable=1", uri=True)
print(connection.execute("SELECT uid FROM account WHERE id = 1").fetchall())
"""


def timed(command: list[str]) -> float:
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return (time.perf_counter() - start) * 1000


def main() -> None:
    index, text, first, program, python = sys.argv[1:]
    commands = {
        "a Rust process to its first answer": [first, index, text],
        "`identidex resolve --json` as a whole": [program, "--index", index, "resolve", "--json", text],
        "a Python process to its first answer": [python, "-c", IDENTIDEX, index, text],
        "a Python process that reads a row by `sqlite3`": [python, "-c", SQLITE, index, text],
        "a Python process that does nothing": [python, "-c", "pass"],
    }
    times = {what: [] for what in commands}
    for _ in range(RUNS):
        for what, command in commands.items():
            times[what].append(timed(command))
    for what, measured in times.items():
        measured.sort()
        print(f"| {what} | {statistics.median(measured):.1f} ms | {measured[-1]:.1f} ms (longest) |")


main()
