"""Environments, an agent loop and a trainer that teach language models to plan.

Importing this registers the built-in environments with Gymnasium; it loads neither torch nor a
container client. The trainer and the benchmarks are imported by name: `forethought.trainer`,
`forethought.benchmarks`.
"""

from forethought.agents.budget import Budget, Limits
from forethought.agents.engines.engine import Completion, Engine, EngineError, Sampling
from forethought.agents.engines.models import open_model
from forethought.agents.engines.scripted import ScriptedEngine
from forethought.agents.loop import run_episode
from forethought.agents.record.events import Event
from forethought.agents.record.log import EventLog, read_log
from forethought.agents.record.stop import STOP_CAUSE, Cause, Stop
from forethought.agents.record.trajectory import Segment, Span, Trajectory
from forethought.agents.rollout import Job, Model, run_jobs
from forethought.envs import (
    Action,
    Card,
    Context,
    Env,
    Submission,
    Task,
    Tool,
    ToolCall,
    ToolResult,
    load_tasks,
    make,
    metric,
    names,
    proxy,
    register,
    reward,
    save_tasks,
    tool,
)
from forethought.envs.context import BudgetExhausted

__version__ = "0.1.0"

__all__ = [
    "STOP_CAUSE",
    "Action",
    "Budget",
    "BudgetExhausted",
    "Card",
    "Cause",
    "Completion",
    "Context",
    "Engine",
    "EngineError",
    "Env",
    "Event",
    "EventLog",
    "Job",
    "Limits",
    "Model",
    "Sampling",
    "ScriptedEngine",
    "Segment",
    "Span",
    "Stop",
    "Submission",
    "Task",
    "Tool",
    "ToolCall",
    "ToolResult",
    "Trajectory",
    "load_tasks",
    "make",
    "metric",
    "names",
    "open_model",
    "proxy",
    "read_log",
    "register",
    "reward",
    "run_episode",
    "run_jobs",
    "save_tasks",
    "tool",
]
