"""Types: what a checker sees of answers is what the schemas say, and it finds a key that is misspelt."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parents[1]

GOOD = """
import identidex
index = identidex.open("identity.db")
match = index.find("jdoe@EMEA", kind="upn", verified=True).one()
if match["type"] == "account":
    name: str | None = match["account"]["account_name"]
    devices: list[str | None] = [one["collector_uid"] for one in match["devices"] if "primary" in one]
count: int = index.find("jdoe").account()["strength"]
"""
BAD = {
    'index.find("x").account()["acount"]': "acount",
    'index.find("x")["outcom"]': "outcom",
    'index.find("x", kind="nickname")': "nickname",
    'index.find("x").account()["devices"][0]["collector_id"]': "collector_id",
    'index.find("x").one()["account"]': "account",
}


def checked(text, tmp_path):
    file = tmp_path / "checked.py"
    file.write_text(text)
    ended = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-incremental", file], capture_output=True, text=True, cwd=tmp_path
    )
    return ended.returncode, ended.stdout


def test_the_types_are_those_of_the_schemas():
    spec = importlib.util.spec_from_file_location("make_types", HERE / "make_types.py")
    make_types = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(make_types)
    assert make_types.INTO.read_text(encoding="utf-8") == make_types.made(), "run make_types.py"


def test_what_is_right_passes_the_checker(tmp_path):
    assert checked(GOOD, tmp_path) == (0, "Success: no issues found in 1 source file\n")


@pytest.mark.parametrize("line, word", BAD.items())
def test_what_is_misspelt_does_not(tmp_path, line, word):
    code, said = checked(f'import identidex\nindex = identidex.open("identity.db")\n{line}\n', tmp_path)
    assert code == 1 and word in said, said
