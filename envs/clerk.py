"""The workbench's expert: what to do turn by turn, alone or with sub-agents."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence

from forethought.envs.calls import Json, render_call
from forethought.envs.stations import HEADER, MONTHS, Archive, Station

TABLE = "table.csv"


def prompt_of(archive: Archive) -> str:
    """The task in words."""
    return f"""Write {TABLE}: the rainfall of {archive.year} at these stations, one row each in \
this order: {_names(archive.asked)}.
Header: {",".join(HEADER)}
{_rules(archive)}
Submit the path of the table."""


def part_prompts(archive: Archive, num_parts: int) -> list[str]:
    """Tasks for sub-agents: the stations in equal parts, a file of rows for each."""
    return [
        f"Write {path}, without a header: the rainfall of {archive.year} at these stations, one "
        f"row each in this order: {_names(stations)}.\nColumns: {','.join(HEADER)}\n"
        f"{_rules(archive)}"
        for path, stations in _parts(archive, num_parts)
    ]


def alone(archive: Archive, *, at_a_time: int) -> list[str]:
    """All turns of an expert without help."""
    groups = _groups(archive.asked, at_a_time)
    items: list[Json] = [f"rows of {_names(group)}" for group in groups]
    opening = (
        f"plan: {len(groups)} x (open pages, search codes, open logs, add rows), check, submit\n"
        + render_call("plan", {"items": [*items, "check and submit"]})
    )
    first, *rest = _rows(archive, archive.asked, at_a_time, path=TABLE, header=True)
    return [f"{opening}\n{first}", *rest, *_closing()]


def leading(archive: Archive, *, num_parts: int) -> list[str]:
    """All turns of an expert that hands the rows to sub-agents and joins what they wrote."""
    paths = [path for path, _ in _parts(archive, num_parts)]
    items: list[Json] = [f"rows in {len(paths)} parts by sub-agents", "join", "check and submit"]
    tasks: list[Json] = [*part_prompts(archive, num_parts)]
    spawning = (
        f"plan: spawn {len(paths)} for the rows, join their files, check, submit\n"
        + render_call("plan", {"items": items})
        + "\n"
        + render_call("spawn", {"tasks": tasks})
    )
    joining = f"echo {','.join(HEADER)} | cat - {' '.join(paths)} > {TABLE}"
    return [spawning, render_call("bash", {"command": joining}), *_closing()]


def helping(archive: Archive, prompt: str, *, num_parts: int, at_a_time: int) -> list[str]:
    """All turns of the sub-agent that got `prompt`. Raises ValueError if it is no part's task."""
    prompts = part_prompts(archive, num_parts)
    if prompt not in prompts:
        raise ValueError("the expert knows only the parts that it hands out itself")
    path, stations = _parts(archive, num_parts)[prompts.index(prompt)]
    rows = _rows(archive, stations, at_a_time, path=path, header=False)
    return [*rows, f"{path} has {len(stations)} rows."]


def opening(title: str) -> str:
    """The call that opens a page."""
    return render_call("open", {"title": title})


def _rows(
    archive: Archive, stations: Sequence[Station], at_a_time: int, *, path: str, header: bool
) -> Iterator[str]:
    """Turns that read about stations, some at a time, and add their rows to a file."""
    for number, group in enumerate(_groups(stations, at_a_time)):
        yield "\n".join(opening(station.name) for station in group)
        queries = [f"{station.log.code} {archive.year}" for station in group]
        yield "\n".join(render_call("search", {"query": query}) for query in queries)
        yield "\n".join(opening(station.log.title) for station in group)
        code = _code(group, path=path, is_first=number == 0, header=header)
        yield render_call("python", {"code": code})


def _code(stations: Sequence[Station], *, path: str, is_first: bool, header: bool) -> str:
    logs = {s.name: [s.unit, [float(figure) for figure in s.log.figures]] for s in stations}
    heading = f'    print("{",".join(HEADER)}", file=table)\n' if is_first and header else ""
    return f"""logs = {json.dumps(logs)}
months = "{" ".join(MONTHS)}".split()
with open("{path}", "{"w" if is_first else "a"}") as table:
{heading}    for name, (unit, figures) in logs.items():
        total = sum(figures) * (25.4 if unit == "inch" else 1)
        month = months[figures.index(max(figures))]
        print(f"{{name}},{{total:.2f}},{{month}}", file=table)
"""


def _closing() -> list[str]:
    return [
        render_call("bash", {"command": f"wc -l {TABLE}; tail -n 3 {TABLE}"}),
        render_call("submit", {"answer": TABLE, "confidence": 1.0}),
    ]


def _rules(archive: Archive) -> str:
    return (
        "total_mm is the sum of the twelve months in millimetres with two decimals (1 inch is "
        "25.4 mm), wettest_month the name of the month with most rain. A station's page tells "
        f"its unit and its code in {archive.year}; search for code and year to find the log."
    )


def _parts(archive: Archive, num_parts: int) -> list[tuple[str, Sequence[Station]]]:
    """Files and stations of sub-agents, never more parts than stations."""
    size = -(-len(archive.asked) // num_parts)
    groups = _groups(archive.asked, size)
    return [(f"part{number}.csv", group) for number, group in enumerate(groups, 1)]


def _groups(stations: Sequence[Station], size: int) -> list[Sequence[Station]]:
    return [stations[start : start + size] for start in range(0, len(stations), size)]


def _names(stations: Sequence[Station]) -> str:
    return ", ".join(station.name for station in stations)
