/** The conformance vectors that every binding runs. */

import { deepStrictEqual } from "node:assert";
import { test } from "node:test";

import * as identidex from "identidex";

import { publish, read, vectors } from "./office";

function ask(index: identidex.Index, { query, all_classes: allClasses = false }: any): identidex.Answer {
  if (typeof query === "string") {
    return index.find(query, { allClasses });
  }
  if ("all_of" in query) {
    return index.findTogether(query.all_of, { allClasses });
  }
  const { text, kind, verified = false } = query;
  return index.find(text, { kind, verified, allClasses });
}

/** What was expected and is not so: every key of an object, with null for what is absent; lists whole. */
function* differences(found: any, expected: any, place: string): Generator<string> {
  if (Array.isArray(expected) && Array.isArray(found) && found.length === expected.length) {
    for (const [at, one] of expected.entries()) {
      yield* differences(found[at], one, `${place}[${at}]`);
    }
  } else if (isObject(found) && isObject(expected)) {
    for (const [key, value] of Object.entries(expected)) {
      yield* differences(found[key] ?? null, value, `${place}.${key}`);
    }
  } else if (found !== expected && JSON.stringify(found) !== JSON.stringify(expected)) {
    yield `${place}: expected ${JSON.stringify(expected)}, found ${JSON.stringify(found)}`;
  }
}

function isObject(value: any): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

for (const name of vectors()) {
  test(`${name} is answered as it says`, () => {
    const vector = read(`fixtures/answers/${name}`);
    const index = identidex.open(publish(vector.objects));
    for (const one of vector.cases) {
      deepStrictEqual([...differences(ask(index, one), one.answer, "answer")], [], one.about);
    }
  });
}
