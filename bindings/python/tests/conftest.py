"""Indexes to look up in, made by the program itself."""

import json
import os
import subprocess
from pathlib import Path

import pytest

import identidex

ROOT = Path(__file__).resolve().parents[3]


def publish(home: Path, objects: dict[str, str]) -> Path:
    """Takes objects in, each a key and its content, and returns the index."""
    for key, content in objects.items():
        path = home / "exports" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8", newline="")
    index = home / "identity.db"
    program = os.environ["IDENTIDEX_BIN"]
    subprocess.run([program, "--quiet", "--index", index, "sync", home / "exports"], check=True, capture_output=True)
    return index


def vectors() -> list[Path]:
    return sorted((ROOT / "fixtures/answers").glob("*.json"))


@pytest.fixture(params=vectors(), ids=lambda path: path.stem)
def vector(request, tmp_path):
    """A file of conformance vectors, and the index that it is about."""
    vector = json.loads(request.param.read_text(encoding="utf-8"))
    return vector, identidex.open(publish(tmp_path, vector["objects"]))


@pytest.fixture
def index(tmp_path):
    """An index of the tenant in the fixtures."""
    index = tmp_path / "identity.db"
    program = os.environ["IDENTIDEX_BIN"]
    subprocess.run(
        [program, "--quiet", "--index", index, "sync", ROOT / "fixtures/tenant"], check=True, capture_output=True
    )
    return index
