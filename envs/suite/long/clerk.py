"""The workbench's expert: what to do turn by turn, alone or with sub-agents."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from forethought.envs.calls import Json, render_call
from forethought.envs.suite.long.stations import HEADER, Archive, Station

TABLE = "table.csv"
SCRIPT = "rows.py"
_HEADING = f"echo {','.join(HEADER)}"
_CODE = """import calendar, sys
for line in sys.stdin:
    name, unit, *words = line.split()
    rain = [float(word) for word in words]
    total = sum(rain) * (25.4 if unit == "inch" else 1)
    print(name, f"{total:.2f}", calendar.month_name[rain.index(max(rain)) + 1], sep=",")
"""


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
        f"Write {path} for {_names(stations)}: take unit and code in {archive.year} from each "
        "page, search code and year, open the log, give lines 'name unit figures' to "
        f"{SCRIPT}."
        for path, stations in _parts(archive, num_parts)
    ]


def alone(archive: Archive, *, at_a_time: int) -> list[str]:
    """All turns of an expert without help."""
    groups = _groups(archive.asked, at_a_time)
    plan = f"plan: script; {len(groups)} x (open pages, search codes, open logs, add rows); submit"
    items: list[Json] = [f"rows of group {number}" for number, _ in enumerate(groups, 1)]
    opening = _together(
        plan,
        _call("plan", items=["script", *items, "check, submit"]),
        _bash(f"{_HEADING} > {TABLE}"),
    )
    rows = _rows(archive, archive.asked, at_a_time, path=TABLE, has_plan=True)
    return [opening, _script(), *rows, *_closing()]


def leading(archive: Archive, *, num_parts: int) -> list[str]:
    """All turns of an expert that hands the rows to sub-agents and joins what they wrote."""
    paths = [path for path, _ in _parts(archive, num_parts)]
    plan = f"plan: script; spawn {len(paths)} for the rows; join; submit"
    opening = _together(plan, _call("plan", items=["script", "spawn", "join", "check, submit"]))
    spawning = _call("spawn", tasks=[*part_prompts(archive, num_parts)])
    joining = _bash(f"{_HEADING} | cat - {' '.join(paths)} > {TABLE}")
    return [opening, _script(), spawning, joining, *_closing()]


def helping(archive: Archive, prompt: str, *, num_parts: int, at_a_time: int) -> list[str]:
    """All turns of the sub-agent that got `prompt`. Raises ValueError if it is no part's task."""
    prompts = part_prompts(archive, num_parts)
    if prompt not in prompts:
        raise ValueError("the expert knows only the parts that it hands out itself")
    path, stations = _parts(archive, num_parts)[prompts.index(prompt)]
    rows = _rows(archive, stations, at_a_time, path=path, has_plan=False)
    return [*rows, f"{path} has {len(stations)} rows."]


def opening(title: str) -> str:
    """The call that opens a page."""
    return _call("open", title=title)


def _rows(
    archive: Archive, stations: Sequence[Station], at_a_time: int, *, path: str, has_plan: bool
) -> Iterator[str]:
    """Turns that read about stations, some at a time, and add their rows to a file."""
    for number, group in enumerate(_groups(stations, at_a_time), 1):
        ticked = [_call("plan", done=[number])] if has_plan else []
        yield _together(*ticked, *(opening(station.name) for station in group))
        codes = (f"{station.log.code} {archive.year}" for station in group)
        yield _together(*(_call("search", query=query) for query in codes))
        yield _together(*(opening(station.log.title) for station in group))
        lines = "".join(f"{s.name} {s.unit} {' '.join(map(str, s.log.figures))}\n" for s in group)
        yield _bash(f"python3 {SCRIPT} >> {path} <<E\n{lines}E")


def _script() -> str:
    return _call("write_file", path=SCRIPT, text=_CODE)


def _closing() -> list[str]:
    return [_call("read_file", path=TABLE), _call("submit", answer=TABLE, confidence=1.0)]


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


def _call(name: str, **arguments: Json) -> str:
    return render_call(name, arguments)


def _bash(command: str) -> str:
    return _call("bash", command=command)


def _together(*parts: str) -> str:
    return "\n".join(parts)
