"""Measures identidex against its peers on the same files: wall time and peak memory of whole processes.

Progress goes to stderr, a Markdown table to stdout. README.md says what is measured and why so.
"""

import argparse
import csv
import datetime
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

HERE = Path(__file__).resolve().parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "identidex-bench"
PEERS = ("sqlite3", "duckdb", "polars")
CONTENDERS = (*PEERS, "identidex")
TITLES = {"sqlite3": "sqlite3 `.import`", "duckdb": "DuckDB", "polars": "Polars + ADBC", "identidex": "identidex"}

COLD, SECOND, COLUMN, HOUR, NOTHING = "cold", "second day", "a column less", "an hour, 1 % of the rows", "nothing new"
# Peers reload everything each time: what they take for a second day is what they take for any.
MOST_OF_FASTEST_PEER = {COLD: 0.45, SECOND: 0.3, COLUMN: 0.6, HOUR: 0.15}
MIB = 1024 * 1024
BASE_BYTES, BYTES_PER_SUBJECT = 256 * MIB, 64
GENERATION_BYTES, GROWTH = 700e6, 1.1
LEFT_OUT = {"users": "user.ad.job_title", "devices": "device.entity"}
SAMPLE_SECONDS = 0.02
SMALL_OBJECTS = 10_000


@dataclass
class Samples:
    """What one contender took for one phase, run after run."""

    seconds: list[float] = field(default_factory=list)
    user_seconds: list[float] = field(default_factory=list)
    system_seconds: list[float] = field(default_factory=list)
    peak_bytes: list[int] = field(default_factory=list)

    def cpu(self) -> str:
        return f"{median(self.user_seconds):.2f} + {median(self.system_seconds):.2f} s"

    def wall(self) -> str:
        return f"{median(self.seconds):.2f} s ({min(self.seconds):.2f}–{max(self.seconds):.2f})"

    def peak(self) -> str:
        return f"{max(self.peak_bytes) / MIB:.0f} MiB"


@dataclass
class Results:
    samples: dict[tuple[str, str], Samples] = field(default_factory=dict)
    known_subjects: int = 0
    generation_bytes: dict[str, int] = field(default_factory=dict)
    listing: list[float] = field(default_factory=list)

    def measure(self, contender: str, phase: str, command: list[str | Path]) -> str:
        """Runs the command, keeps its time and peak memory, and returns its output."""
        output, seconds, (user, system), peak_bytes = timed(command)
        samples = self.samples.setdefault((contender, phase), Samples())
        samples.seconds.append(seconds)
        samples.user_seconds.append(user)
        samples.system_seconds.append(system)
        samples.peak_bytes.append(peak_bytes)
        say(f"  {contender}, {phase}: {seconds:.2f} s ({user:.2f} + {system:.2f} s of CPU), {peak_bytes / MIB:.0f} MiB")
        return output


def main() -> None:
    options = arguments()
    if options.work:
        options.work.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix="identidex-bench-", dir=options.work))
    try:
        run(options, work)
    finally:
        if options.keep:
            say(f"kept {work}")
        else:
            shutil.rmtree(work)


def run(options: argparse.Namespace, work: Path) -> None:
    python = prepare_peers() if set(PEERS) & set(options.only) else None
    identidex = prepare_identidex() if "identidex" in options.only else None
    data = options.data or generate(options, work / "data")
    later = derive(data, work / "later") if identidex else None
    results = Results()
    for number in range(1, options.runs + 1):
        say(f"run {number} of {options.runs}")
        for contender in options.only:
            if contender == "identidex":
                measure_identidex(results, identidex, data, later, work)
            else:
                measure_peer(results, contender, python, data, work)
    if identidex:
        measure_nothing_new(results, identidex, work, options.runs)
    print(caption(options, python, identidex, data))
    print(table(results, options.only))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benches/run", description="Measure identidex against its peers")
    parser.add_argument("--runs", type=int, default=5, help="times that everything is measured (default: 5)")
    parser.add_argument("--users", type=int, default=1_000_000, help="accounts to generate (default: 1000000)")
    parser.add_argument("--devices", type=int, default=1_200_000, help="devices to generate (default: 1200000)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the generator (default: 1)")
    parser.add_argument("--data", type=Path, help="folder with day0 and day1 instead of generated files")
    parser.add_argument("--work", type=Path, help="folder to work in (default: the temporary one)")
    parser.add_argument("--keep", action="store_true", help="keep the data and databases at the end")
    parser.add_argument("--only", nargs="+", choices=("peers", *CONTENDERS), default=CONTENDERS, help="measure only these")
    parser.add_argument("--skip-peers", dest="only", action="store_const", const=("identidex",), help="measure only identidex")
    options = parser.parse_args()
    chosen = set(options.only) | (set(PEERS) if "peers" in options.only else set())
    options.only = [contender for contender in CONTENDERS if contender in chosen]
    options.runs = max(options.runs, 1)
    return options


# What the measurements need


def prepare_peers() -> Path:
    """A virtual environment outside the checkout, made again when the requirements change."""
    if not shutil.which("sqlite3"):
        say("installing sqlite3")
        as_root = [] if os.geteuid() == 0 else ["sudo"]
        quietly([*as_root, "apt-get", "install", "--yes", "sqlite3"])
    requirements, stamp = HERE / "requirements.txt", CACHE / "installed.txt"
    python = CACHE / "venv/bin/python"
    if not stamp.exists() or stamp.read_text() != requirements.read_text():
        say(f"installing the peers in {CACHE}")
        quietly([sys.executable, "-m", "venv", "--clear", CACHE / "venv"])
        quietly([python, "-m", "pip", "install", "--quiet", "--requirement", requirements])
        stamp.write_text(requirements.read_text())
    return python


def prepare_identidex() -> Path:
    given = os.environ.get("IDENTIDEX_BIN")
    return Path(given).resolve() if given else built("--bin", "identidex")


def generate(options: argparse.Namespace, data: Path) -> Path:
    generator = built("--example", "generate")
    size = ["--users", str(options.users), "--devices", str(options.devices), "--seed", str(options.seed)]
    for day in (0, 1):
        say(f"generating day {day}")
        quietly([generator, *size, "--day", str(day), "--out", data / f"day{day}"])
    return data


def derive(data: Path, later: Path) -> Path:
    """The second day's rows once more: a day later without a column, and one in a hundred of them an hour after that."""
    say("deriving the days behind")
    for file in data.glob("day1/*/*.csv"):
        dataset, day = file.parent.name, datetime.datetime.strptime(file.stem, "%Y-%m-%dT%H-%M-%SZ")
        with ExitStack() as files:
            rows = csv.reader(files.enter_context(open(file, newline="")))
            header = next(rows)
            left_out = header.index(LEFT_OUT[dataset]) if dataset in LEFT_OUT else None
            keep = [at for at in range(len(header)) if at != left_out]
            column = writer(files, later / "column" / dataset, day + datetime.timedelta(days=1))
            hour = writer(files, later / "hour" / dataset, day + datetime.timedelta(days=1, hours=1))
            column.writerow([header[at] for at in keep])
            hour.writerow(header)
            for number, row in enumerate(rows):
                column.writerow([row[at] for at in keep])
                if number % 100 == 0:
                    hour.writerow(row)
    return later


def writer(files: ExitStack, folder: Path, at: datetime.datetime):
    folder.mkdir(parents=True, exist_ok=True)
    file = files.enter_context(open(folder / at.strftime("%Y-%m-%dT%H-%M-%SZ.csv"), "w", newline=""))
    return csv.writer(file, quoting=csv.QUOTE_ALL, lineterminator="\n")


def built(kind: str, name: str) -> Path:
    """Builds one release target and returns its path."""
    say(f"building {name}")
    command = ["cargo", "build", "--release", kind, name, "--message-format", "json-render-diagnostics"]
    lines = subprocess.run(command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
    return Path([message["executable"] for message in map(json.loads, lines) if message.get("executable")][-1])


# The measurements


def measure_peer(results: Results, peer: str, python: Path, data: Path, work: Path) -> None:
    folder = emptied(work / peer)
    for phase, day in ((COLD, "day0"), (SECOND, "day1")):
        results.measure(peer, phase, [python, HERE / "peers.py", peer, data / day, folder / "peer.db"])
    shutil.rmtree(folder)


def measure_identidex(results: Results, identidex: Path, data: Path, later: Path, work: Path) -> None:
    folder = emptied(work / "identidex")
    source = folder / "exports"
    command = [identidex, "--index", folder / "identity.db", "sync", source, "--json"]
    days = ((COLD, data / "day0"), (SECOND, data / "day1"), (COLUMN, later / "column"), (HOUR, later / "hour"))
    for phase, day in days:
        link(day, source)
        report = json.loads(results.measure("identidex", phase, command))
        expect(report["outcome"] == "done" and report["rows"]["rejected"] == 0, report)
        results.generation_bytes[phase] = (folder / "identity.db").stat().st_size
    results.known_subjects = report["accounts"] + report["devices"]
    report = json.loads(timed(command)[0])
    expect(report["objects"]["new"] == 0 and report["bytes_fetched"] == 0, report)
    shutil.rmtree(folder)


def measure_nothing_new(results: Results, identidex: Path, work: Path, runs: int) -> None:
    say(f"{SMALL_OBJECTS:,} small objects")
    folder = emptied(work / "small")
    source = folder / "exports"
    write_small_objects(source)
    command = [identidex, "--index", folder / "identity.db", "sync", source, "--json"]
    expect(json.loads(timed(command)[0])["objects"]["loaded"] == SMALL_OBJECTS, "not every small object was loaded")
    before = generations(folder)
    for _ in range(runs):
        results.listing.append(listing_seconds(source))
        report = json.loads(results.measure("identidex", NOTHING, command))
        expect(report["objects"]["new"] == 0 and report["bytes_fetched"] == 0, report)
    expect(generations(folder) == before, "a run with nothing new wrote a generation")
    shutil.rmtree(folder)


def timed(command: list[str | Path]) -> tuple[str, float, tuple[float, float], int]:
    """Output, wall seconds, those of user and system of a process and the ones that it waited for, and the most memory
    that was its own, looked at every few milliseconds: mapped and cached files are the system's."""
    os.sync()  # what the one before left unwritten is not this one's work
    with tempfile.TemporaryFile("w+") as output:
        began = time.perf_counter()
        process = subprocess.Popen(command, stdout=output)
        peak = Peak(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        expect(process.returncode == 0, f"{' '.join(map(str, command))}: exit code {process.returncode}")
        output.seek(0)
        return output.read(), seconds, (usage.ru_utime, usage.ru_stime), peak.bytes


class Peak:
    """Watches a process and its children for the most memory of their own that they have together."""

    def __init__(self, pid: int) -> None:
        self.bytes = 0
        self.pid = pid
        threading.Thread(target=self.watch, daemon=True).start()

    def watch(self) -> None:
        while own := anonymous_bytes(self.pid):
            self.bytes = max(self.bytes, own)
            time.sleep(SAMPLE_SECONDS)


def anonymous_bytes(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0
    lines = [line for line in status.splitlines() if line.startswith("RssAnon")]
    return sum(int(line.split()[1]) * 1024 for line in lines) + sum(anonymous_bytes(int(child)) for child in children)


def link(day: Path, source: Path) -> None:
    """Adds a day's files to a source; linked, because a copy would only cost disk."""
    for file in day.glob("*/*.csv"):
        target = source / file.parent.name / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            os.link(file, target)
        except OSError:  # another file system
            shutil.copy2(file, target)


def write_small_objects(source: Path) -> None:
    for number in range(SMALL_OBJECTS):
        folder = source / f"users/{number:05}"
        folder.mkdir(parents=True)
        row = f'"S-1-5-21-1-2-3-{10_000 + number}","user{number}@EMEA","2026-11-19 08:00:00"\n'
        (folder / "2026-11-20T06-00-00Z.csv").write_text(f'"user.sid","user.name","user.last_seen"\n{row}')


def listing_seconds(source: Path) -> float:
    """What the file system itself takes to name every object with its size and time."""
    began = time.perf_counter()
    for folder, _, names in os.walk(source):
        for name in names:
            os.stat(os.path.join(folder, name))
    return time.perf_counter() - began


def generations(folder: Path) -> list[tuple[str, int]]:
    return sorted((file.name, file.stat().st_mtime_ns) for file in folder.glob("identity.db.d/gen-*"))


# The report


def caption(options: argparse.Namespace, python: Path | None, identidex: Path | None, data: Path) -> str:
    files = list(data.glob("day0/*/*.csv"))
    megabytes = sum(file.stat().st_size for file in files) / 1e6
    versions = [spoken([identidex, "--version"])] if identidex else []
    versions += [spoken([python, HERE / "peers.py", "versions"])] if python else []
    size = f"{options.users:,} users, {options.devices:,} devices" if not options.data else "files given"
    return (
        f"{datetime.date.today()}, {cpu_model()}, {len(os.sched_getaffinity(0))} cores, {platform.system()}. "
        f"{', '.join(versions)}. {size}, {megabytes:.0f} MB of CSV a day. "
        f"Medians of {options.runs} (range), interleaved; peak memory is the highest seen.\n"
    )


def table(results: Results, contenders: list[str]) -> str:
    header = ["work", *(TITLES[contender] for contender in contenders), "ratio to the fastest peer", "must be"]
    rows = [header, ["---"] * len(header)]
    phases = (COLD, SECOND, COLUMN, HOUR) if "identidex" in contenders else (COLD, SECOND)
    rows += [wall_row(results, contenders, phase) for phase in phases]
    rows += [cells_row(results, contenders, phase, "CPU, user + system", Samples.cpu, "–") for phase in phases]
    limit = (BASE_BYTES + BYTES_PER_SUBJECT * results.known_subjects) / MIB
    must = f"≤ {limit:.0f} MiB" if results.known_subjects else "–"
    rows += [cells_row(results, contenders, phase, "peak memory", Samples.peak, must) for phase in phases]
    rows += [size_row(results, contenders, phase) for phase in phases if phase in results.generation_bytes]
    if results.listing:
        rows.append(nothing_new_row(results, contenders))
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def wall_row(results: Results, contenders: list[str], phase: str) -> list[str]:
    cells = cells_of(results, contenders, phase, Samples.wall)
    theirs = COLD if phase == COLD else SECOND
    fastest = min((median(results.samples[peer, theirs].seconds) for peer in contenders if peer in PEERS), default=None)
    ours = results.samples.get(("identidex", phase))
    ratio = f"{median(ours.seconds) / fastest:.2f} ×" if ours and fastest else "–"
    return [phase, *cells, ratio, f"≤ {MOST_OF_FASTEST_PEER[phase]} ×"]


def cells_row(results: Results, contenders: list[str], phase: str, what: str, shown, must: str) -> list[str]:
    return [f"{phase}, {what}", *cells_of(results, contenders, phase, shown), "–", must]


def cells_of(results: Results, contenders: list[str], phase: str, shown) -> list[str]:
    samples = [results.samples.get((contender, phase)) for contender in contenders]
    return [shown(one) if one else "–" for one in samples]


def size_row(results: Results, contenders: list[str], phase: str) -> list[str]:
    size = results.generation_bytes[phase]
    cells = [f"{size / 1e6:.0f} MB" if contender == "identidex" else "–" for contender in contenders]
    must = f"≤ {GROWTH} × before" if phase == COLUMN else f"≤ {GENERATION_BYTES / 1e6:.0f} MB"
    return [f"{phase}, size of a generation", *cells, "–", must]


def nothing_new_row(results: Results, contenders: list[str]) -> list[str]:
    cells = [results.samples[contender, NOTHING].wall() if contender == "identidex" else "–" for contender in contenders]
    listing = median(results.listing)
    return [f"nothing new, {SMALL_OBJECTS:,} objects", *cells, "–", f"≤ 1 s beyond listing ({listing:.2f} s)"]


def cpu_model() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


# Small things


def emptied(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder


def spoken(command: list[str | Path]) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def quietly(command: list[str | Path]) -> None:
    subprocess.run(command, stdout=subprocess.DEVNULL, check=True)


def expect(holds: bool, otherwise: object) -> None:
    if not holds:
        sys.exit(f"benches/run: {otherwise}")


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
