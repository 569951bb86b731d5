"""What the binding adds to the lookups, which the vectors test: dicts, errors, threads."""

import json
import os
import pickle
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import identidex
from conftest import publish


def test_an_answer_is_the_json_of_the_program(index):
    found = identidex.open(index).find("jdoe@EMEA")
    printed = subprocess.run(
        [os.environ["IDENTIDEX_BIN"], "--index", index, "resolve", "--json", "jdoe@EMEA"], check=True, capture_output=True
    )
    expected = json.loads(printed.stdout)
    for answer in (found, expected):
        del answer["freshness"]["age_seconds"]
    assert found == expected


def test_only_one_gives_a_match(index):
    index = identidex.open(index)
    assert index.find("jdoe@EMEA").one()["account"]["account_name"] == "jdoe@EMEA"
    for text, outcome in [("jdoe", "several"), ("nobody@nowhere.example", "none"), ("", "unparseable")]:
        with pytest.raises(identidex.NotOne) as raised:
            index.find(text).one()
        assert raised.value.outcome == outcome


def test_one_side_may_be_asked_for(index):
    index = identidex.open(index)
    devices = index.devices_of("jdoe@EMEA").one()["devices"]
    assert "NB-0042" in [device["name"] for device in devices]
    accounts = index.accounts_of("NB-0042").one()["accounts"]
    assert "jdoe@EMEA" in [account["account_name"] for account in accounts]
    assert index.devices_of("NB-0042").outcome == index.accounts_of("jdoe@EMEA").outcome == "none"


def test_freshness_says_how_old_it_is(index):
    freshness = identidex.open(index).freshness()
    assert freshness["state"] in ("fresh", "ageing", "stale", "unknown")
    assert freshness["as_of"] and freshness["age_seconds"] >= 0


def test_a_batch_answers_as_single_queries_do(index):
    index = identidex.open(index)
    texts = ["jdoe@EMEA", "jdoe", "NB-0042", "nobody", ""]
    assert index.find_all(texts) == [index.find(text) for text in texts]
    vouched = [index.find(text, verified=True) for text in texts]
    assert index.find_all(texts, verified=True) == vouched


def test_clues_may_be_a_mapping(index):
    index = identidex.open(index)
    account = index.find("jdoe@EMEA").one()["account"]
    clues = {"upn": account["upn"], "email": account["email"], "full_name": account["full_name"]}
    assert index.find_together(clues).one()["account"] == account


OFFICE = {
    "users/2026-11-21T06-00-00Z.csv": "user.name,user.sid,user.upn\njdoe@EMEA,S-1-5-21-1-2-3-1101,john.doe@contoso.com\n"
    "jdoe@APAC,S-1-5-21-1-2-4-1101,jane@contoso.com\n",
    "devices/2026-11-21T06-00-00Z.csv": "device.name,device.collector.uid,device.last_seen\n"
    "NB-1,cccccccc-0000-4000-8000-000000000001,2026-11-21 05:00:00\n",
    "logins/2026-11-21T06-00-00Z.csv": "user.name,device.name,logins,last_used\njdoe@EMEA,NB-1,9,2026-11-21 05:00:00\n",
}


@pytest.fixture
def office(tmp_path):
    # However old the tests are.
    always = 24 * 36_525
    return identidex.open(publish(tmp_path, OFFICE), fresh_for_hours=always, ageing_for_hours=always)


def test_a_target_is_given_or_refused_with_what_speaks_against_it(office):
    target = office.target({"upn": "john.doe@contoso.com"}, verified=["upn"])
    assert target["collector_uid"] == "cccccccc-0000-4000-8000-000000000001"
    with pytest.raises(identidex.NoTarget) as raised:
        office.target("jdoe@EMEA")
    assert (raised.value.outcome, raised.value.doubts) == ("one", ["too_little"])
    assert pickle.loads(pickle.dumps(raised.value)).doubts == ["too_little"]
    assert office.target("jdoe@EMEA", device="nb-1", allow=["too_little"])["allowed"] == ["too_little"]
    with pytest.raises(identidex.NoTarget) as raised:
        office.target("jdoe")
    assert raised.value.outcome == "several"
    with pytest.raises(ValueError):
        office.target("jdoe@EMEA", allow=["several"])


def test_whom_to_tell_is_said_of_devices_and_users(office):
    device, user, nobody = office.impacted(devices=["NB-1"], users=["jane@contoso.com", "jdoe"])
    assert (device["to_tell"]["account_name"], user["to_tell"]["account_name"]) == ("jdoe@EMEA", "jdoe@APAC")
    assert nobody["nobody"] == ["several"]


def test_why_and_suggestions_are_plain_data(index):
    index = identidex.open(index)
    tried = index.why("jdoe@EMEA")["tried"]
    assert any(hit["verdict"] == "holds" for rule in tried for hit in rule.get("hits", []))
    suggested = index.suggest("NB-0O42")
    assert ("device_name", "NB-0042", "one_edit") in [(one["kind"], one["name"], one["likeness"]) for one in suggested]
    assert index.suggest("john do")[0]["full_name"] == "Doe, John"


@pytest.mark.parametrize(
    "text", ["", " ", "\0", "jd\udc80oe", "\udc80", "*", "?", "%", "x" * (1 << 20), "\u202ejdoe", "' OR 1=1 --", "\x1b[2J"]
)
def test_bad_texts_find_nobody_and_raise_nothing(index, text):
    assert identidex.open(index).find(text).outcome in ("none", "unparseable")


def test_each_fault_of_the_file_is_an_error_of_its_own(index, tmp_path):
    with pytest.raises(identidex.Missing):
        identidex.open(tmp_path / "nowhere.db")
    foreign = tmp_path / "foreign.db"
    foreign.write_text("no index")
    with pytest.raises(identidex.Foreign):
        identidex.open(foreign)
    whole = index.resolve().read_bytes()
    short = tmp_path / "short.db"
    short.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(identidex.Damaged):
        identidex.open(short)
    newer = tmp_path / "newer.db"
    newer.write_bytes(whole[:60] + (9999).to_bytes(4, "big") + whole[64:])
    with pytest.raises(identidex.Newer):
        identidex.open(newer)
    older = tmp_path / "older.db"
    older.write_bytes(whole[:60] + (1).to_bytes(4, "big") + whole[64:])
    with pytest.raises(identidex.Older):
        identidex.open(older)


def test_a_published_index_is_what_it_says(index, tmp_path):
    assert identidex.open(index).verify() is True
    copy = tmp_path / "copy.db"
    copy.write_bytes(index.resolve().read_bytes())
    assert identidex.open(copy).verify() is False


def test_an_unknown_kind_is_refused_with_the_known_ones(index):
    with pytest.raises(ValueError, match="sid, uid, account_name, upn, .*serial_number, entra_id, address, full_name"):
        identidex.open(index).find("jdoe", kind="nickname")


def test_threads_share_an_index(index):
    index = identidex.open(index)
    expected = index.find("jdoe@EMEA").one()
    with ThreadPoolExecutor(4) as pool:
        for answer in pool.map(index.find, ["jdoe@EMEA"] * 200):
            assert answer.one() == expected


def test_the_interpreter_is_free_while_a_batch_is_looked_up(index):
    index = identidex.open(index)
    started, ended = threading.Event(), threading.Event()

    def look_up():
        started.set()
        index.find_all(["nobody@nowhere.example"] * 50_000)
        ended.set()

    interval = sys.getswitchinterval()
    # No thread is made to give way: this one goes on before the end only where the batch lets go by itself.
    sys.setswitchinterval(60)
    try:
        with ThreadPoolExecutor(1) as pool:
            batch = pool.submit(look_up)
            started.wait()
            is_free = not ended.is_set()
            batch.result()
    finally:
        sys.setswitchinterval(interval)
    assert is_free
