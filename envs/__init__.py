"""What an agent can see and do, and how it is scored."""

from forethought.envs.base import Env
from forethought.envs.builtin import register_builtin
from forethought.envs.calls import Action, ToolCall
from forethought.envs.card import Card
from forethought.envs.context import Context, Plan
from forethought.envs.registry import make, names, register
from forethought.envs.scoring import Submission, metric, proxy, reward
from forethought.envs.snapshot import Snapshot
from forethought.envs.task import Task, load_tasks, save_tasks
from forethought.envs.tools import Tool, ToolResult, tool

__all__ = [
    "Action",
    "Card",
    "Context",
    "Env",
    "Plan",
    "Snapshot",
    "Submission",
    "Task",
    "Tool",
    "ToolCall",
    "ToolResult",
    "load_tasks",
    "make",
    "metric",
    "names",
    "proxy",
    "register",
    "reward",
    "save_tasks",
    "tool",
]

register_builtin()
