"""Writes the types of answers, `python/identidex/answers.py`, from the schemas: `python3 make_types.py`.

The tests fail where they differ.
"""

import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
INTO = HERE / "python/identidex/answers.py"
SCHEMAS = HERE / "../../schemas"
HEAD = '"""The types of answers, written by `make_types.py` from the schemas."""\n\nfrom __future__ import annotations\n\nfrom typing import Literal, TypedDict, Union\n'


def name_of(text: str) -> str:
    return "".join(word.capitalize() for word in text.split("_"))


class Types:
    """The classes of a schema, each written once. Python before 3.11 has no NotRequired: what may be absent stands in a base
    of its own."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}

    def of(self, schema: dict, root: dict, name: str) -> str:
        """Returns how a value is typed; `name` is what a class of it is called."""
        if "$ref" in schema:
            name = schema["$ref"].rsplit("/", 1)[1]
            return self.of(root["$defs"][name], root, name)
        if "oneOf" in schema:
            return f"Union[{', '.join(dict.fromkeys(self.of(one, root, name) for one in schema['oneOf']))}]"
        if "const" in schema:
            return f"Literal[{schema['const']!r}]"
        if "enum" in schema:
            words = f"Literal[{', '.join(repr(word) for word in schema['enum'])}]"
            return self.alias(name, words) if name in ("outcome", "kind") else words
        kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
        plain = {"string": "str", "integer": "int", "boolean": "bool", "null": "None"}
        if kinds == ["array"]:
            return f"list[{self.of(schema['items'], root, name.removesuffix('s'))}]"
        if kinds == ["object"]:
            return self.cls(schema, root, name_of(name))
        return f"Union[{', '.join(plain[kind] for kind in kinds)}]" if len(kinds) > 1 else plain[kinds[0]]

    def alias(self, name: str, words: str) -> str:
        self.texts.setdefault(name_of(name), f"{name_of(name)} = {words}\n")
        return name_of(name)

    def cls(self, schema: dict, root: dict, name: str) -> str:
        if name in self.texts:
            return name
        fields = {key: self.of(value, root, key) for key, value in schema["properties"].items()}
        required = schema.get("required", [])
        always = {key: of for key, of in fields.items() if key in required}
        absent = {key: of for key, of in fields.items() if key not in required}
        # By call, since "class" is no name of an attribute.
        text, bases = "", []
        for base, keys, total in ((f"_{name}", always, ""), (f"_{name}Perhaps", absent, ", total=False")):
            if keys:
                lines = "".join(f"    {key!r}: {of},\n" for key, of in keys.items())
                text += f'{base} = TypedDict("{base}", {{\n{lines}}}{total})\n'
                bases.append(base)
        about = f'    """{schema["description"]}"""' if "description" in schema else "    pass"
        text += f"\n\nclass {name}({', '.join(bases) or 'TypedDict'}):\n{about}\n"
        self.texts[name] = text
        return name


def made() -> str:
    types = Types()
    for name in ("answer", "why"):
        schema = json.loads((SCHEMAS / f"{name}.schema.json").read_text(encoding="utf-8"))
        types.of({"$ref": f"#/$defs/{name}"}, schema, name)
    # A class stands behind those that it names.
    return HEAD + "".join(f"\n\n{text}" for text in types.texts.values())


if __name__ == "__main__":
    INTO.write_text(made(), encoding="utf-8")
