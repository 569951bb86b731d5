"""A client of MCP that is not ours: starts a server, calls its tools, and prints what they answer as one line of JSON.

Reads {"command": [...], "calls": [[tool, arguments], ...]} from its first argument; {"url": ...} in the place of the command asks a
server that runs. An argument that is "$N.name" is what call N answered as `name`.
"""

import asyncio
import json
import sys

from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client


def filled(arguments, answers):
    def one(value):
        if isinstance(value, str) and value.startswith("$"):
            number, name = value[1:].split(".")
            return answers[int(number)]["answer"][name]
        return value

    return {name: one(value) for name, value in arguments.items()}


def connected(asked):
    if "url" in asked:
        return streamable_http_client(asked["url"])
    command, *arguments = asked["command"]
    return stdio_client(StdioServerParameters(command=command, args=arguments))


async def main(asked):
    async with connected(asked) as (read, write, *_):
        async with ClientSession(read, write) as session:
            await session.initialize()
            tools = [tool.name for tool in (await session.list_tools()).tools]
            answers = []
            for tool, arguments in asked["calls"]:
                try:
                    result = await session.call_tool(tool, filled(arguments, answers))
                except Exception as error:  # What the protocol itself refuses.
                    answers.append({"refused": str(error)})
                    continue
                answer = result.model_dump(by_alias=True)
                answers.append({"error": bool(answer.get("isError")), "answer": answer.get("structuredContent")})
    print(json.dumps({"tools": tools, "answers": answers}))


asyncio.run(main(json.loads(sys.argv[1])))
