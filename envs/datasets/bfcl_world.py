"""BFCL's simulated services in one episode; a call is a name and JSON, and is never evaluated.

The services, their checker and the data come with the package `bfcl-eval`. Of it only what is
needed is imported, so that it works without its own dependencies: it needs mpmath alone.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from decimal import localcontext
from pathlib import Path
from types import ModuleType
from typing import Literal, Protocol

from pydantic import JsonValue

INSTALL = "pip install --no-deps bfcl-eval mpmath"
"""What it declares as its own needs is for the models that it asks, and not used here."""
Service = Literal[
    "GorillaFileSystem",
    "MathAPI",
    "MessageAPI",
    "TicketAPI",
    "TradingBot",
    "TravelAPI",
    "TwitterAPI",
    "VehicleControlAPI",
]
MODULES: dict[Service, str] = {
    "GorillaFileSystem": "gorilla_file_system",
    "MathAPI": "math_api",
    "MessageAPI": "message_api",
    "TicketAPI": "ticket_api",
    "TradingBot": "trading_bot",
    "TravelAPI": "travel_booking",
    "TwitterAPI": "posting_api",
    "VehicleControlAPI": "vehicle_control",
}
"""Where each service is implemented, and by the same name described."""
STATELESS: Service = "MathAPI"
LARGEST = {"precision": 1000, "exponent": 1000, "decimal_places": 1000}
"""Above this a sum could take hours."""
LARGEST_NUMBER = 10**15

_PACKAGE = "bfcl_eval"
_CHECKS = f"{_PACKAGE}.eval_checker.multi_turn_eval"


class BfclMissing(ImportError):
    """bfcl-eval, or what it needs, is not installed."""


class _Simulator(Protocol):
    def _load_scenario(self, scenario: JsonValue, *, long_context: bool) -> None: ...


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """The services of a task, by the name of their class."""

    services: dict[str, object] = field(default_factory=dict)

    @classmethod
    def of(
        cls, services: Sequence[Service], config: Mapping[str, JsonValue], *, is_long: bool
    ) -> World:
        """New services in the state that a task gives them. Raises BfclMissing."""
        made: dict[str, object] = {}
        for name in services:
            simulator = _class_of(name)()
            if name != STATELESS:
                simulator._load_scenario(deepcopy(config.get(name, {})), long_context=is_long)
            made[name] = simulator
        return cls(services=made)

    def call(self, service: str, method: str, arguments: Mapping[str, JsonValue]) -> str:
        """What a method answers, written as upstream writes it, errors included.

        Only for methods that are described to the agent. Raises ValueError for a number that a
        service could be busy with for hours.
        """
        for name, value in arguments.items():
            largest = LARGEST.get(name, LARGEST_NUMBER)
            if isinstance(value, (int, float)) and abs(value) > largest:
                raise ValueError(f"{name} is at most {largest:,}, not {value}")
        try:
            with localcontext():
                return _text(getattr(self.services[service], method)(**deepcopy(dict(arguments))))
        except Exception as error:  # noqa: BLE001 - whatever a simulator raises is its answer
            return f"Error during execution: {error}"

    def equals(self, other: World) -> bool:
        """Whether all services are in the same state, by upstream's `state_checker`."""
        checker = _imported(f"{_CHECKS}.multi_turn_checker")
        try:
            return bool(checker.state_checker(self.services, other.services)["valid"])
        except RecursionError:
            return False  # a directory was copied into itself


def method_of(service: Service, name: str) -> Callable[..., str]:
    """A method of a service's class, for its signature. Raises BfclMissing."""
    method: Callable[..., str] = getattr(_class_of(service), name)
    return method


def contains(results: Sequence[str], wanted: Sequence[str]) -> bool:
    """Whether each wanted result is among the results, by upstream's `response_checker`."""
    checker = _imported(f"{_CHECKS}.multi_turn_checker")
    return bool(checker.response_checker([*results], [*wanted], 0)["valid"])


def data_folder() -> Path:
    """Where the package keeps its tasks. Raises BfclMissing."""
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or not found.submodule_search_locations:
        raise BfclMissing(_advice("is not installed"))
    return Path(found.submodule_search_locations[0], "data")


def _class_of(service: Service) -> type[_Simulator]:
    module = _imported(f"{_CHECKS}.func_source_code.{MODULES[service]}")
    found: type[_Simulator] = getattr(module, service)
    return found


def _imported(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise BfclMissing(_advice(f"cannot be used: {error}")) from None


def _advice(problem: str) -> str:
    return f"BFCL multi-turn needs bfcl-eval, which {problem}; run: {INSTALL}"


def _text(value: object) -> str:
    if isinstance(value, dict):
        try:
            return json.dumps(value)
        except TypeError:
            return str(value)
    return str(value)
