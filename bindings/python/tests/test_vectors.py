"""The conformance vectors that every binding runs."""


def test_every_vector_is_answered_as_it_says(vector):
    vector, index = vector
    for case in vector["cases"]:
        found = ask(index, case)
        assert not list(differences(found, case["answer"], "answer")), (case["about"], found)


def ask(index, case):
    query, options = case["query"], {"all_classes": case.get("all_classes", False)}
    if isinstance(query, str):
        return index.find(query, **options)
    if "all_of" in query:
        clues = [(one.get("kind"), one["text"]) for one in query["all_of"]]
        verified = [one["kind"] for one in query["all_of"] if one.get("verified")]
        return index.find_together(clues, verified=verified, **options)
    return index.find(query["text"], kind=query["kind"], verified=query.get("verified", False), **options)


def differences(found, expected, place):
    """What was expected and is not so: every key of an object, with None for what is absent; lists whole."""
    if isinstance(found, dict) and isinstance(expected, dict):
        for key, value in expected.items():
            yield from differences(found.get(key), value, f"{place}.{key}")
    elif isinstance(found, list) and isinstance(expected, list) and len(found) == len(expected):
        for at, (left, right) in enumerate(zip(found, expected)):
            yield from differences(left, right, f"{place}[{at}]")
    elif found != expected:
        yield f"{place}: expected {expected!r}, found {found!r}"
