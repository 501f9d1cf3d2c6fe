"""Tool prompts: what a system message says of the tools, as each family is used to it."""

from __future__ import annotations

import json
from collections.abc import Sequence

from forethought.envs.call_json import Json
from forethought.envs.tools import Tool


def schema_of(tool: Tool) -> dict[str, Json]:
    """A tool as OpenAI's API and most chat templates describe it."""
    described: dict[str, Json] = {
        "name": tool.name,
        "description": tool.description,
        "parameters": tool.schema,
    }
    return {"type": "function", "function": described}


def explain_tags(tools: Sequence[Tool]) -> str:
    """A line for each tool: few tokens, and enough for most models."""
    signatures = "\n".join(tool.signature for tool in tools)
    how = '<tool_call>{"name": ..., "arguments": {...}}</tool_call>'
    return f"Tools:\n{signatures}\nCall one with {how}"


def explain_hermes(tools: Sequence[Tool]) -> str:
    """As Qwen's chat template puts it."""
    schemas = "\n".join(_json(tool) for tool in tools)
    return (
        "# Tools\n\nYou may call one or more functions to assist with the user query.\n\n"
        "You are provided with function signatures within <tools></tools> XML tags:\n"
        f"<tools>\n{schemas}\n</tools>\n\n"
        "For each function call, return a json object with function name and arguments within "
        "<tool_call></tool_call> XML tags:\n<tool_call>\n"
        '{"name": <function-name>, "arguments": <args-json-object>}\n</tool_call>'
    )


def explain_llama(tools: Sequence[Tool]) -> str:
    """As the chat template of Llama 3.1 and 3.2 puts it."""
    schemas = "\n\n".join(_json(tool) for tool in tools)
    return (
        "You have access to the following functions. To call a function, respond with JSON for a "
        'function call. Respond in the format {"name": function name, "parameters": dictionary of '
        f"argument name and its value}}. Do not use variables.\n\n{schemas}"
    )


def explain_pythonic(tools: Sequence[Tool]) -> str:
    """As Meta's page on zero-shot calls asks for it."""
    schemas = ",\n".join(_json(tool) for tool in tools)
    return (
        "If you decide to invoke any of the functions, put it in the format of "
        "[func_name1(params_name1=params_value1, params_name2=params_value2...), "
        "func_name2(params)]. Do not include any other text in that response.\n"
        f"Here is a list of functions in JSON format that you can invoke:\n[{schemas}]"
    )


def explain_fenced(tools: Sequence[Tool]) -> str:
    """For models that like to write code fences."""
    signatures = "\n".join(tool.signature for tool in tools)
    how = '```json\n{"name": ..., "arguments": {...}}\n```'
    return f"Tools:\n{signatures}\nCall one with\n{how}"


def explain_bare(tools: Sequence[Tool]) -> str:
    """For models that write JSON and nothing else."""
    signatures = "\n".join(tool.signature for tool in tools)
    how = '{"name": ..., "arguments": {...}}'
    return f"Tools:\n{signatures}\nCall one with nothing but JSON: {how}"


def _json(tool: Tool) -> str:
    return json.dumps(schema_of(tool), ensure_ascii=False)
