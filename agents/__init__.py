"""The loop in which a model acts, and the record that it leaves."""

from forethought.agents.budget import Limits
from forethought.agents.engines.engine import Completion, Engine, Sampling
from forethought.agents.engines.prices import Price
from forethought.agents.engines.scripted import ScriptedEngine
from forethought.agents.loop import run_episode
from forethought.agents.record.log import EventLog, finished, read_log
from forethought.agents.record.stop import STOP_CAUSE, Cause, Stop
from forethought.agents.record.trajectory import Segment, Span, Trajectory
from forethought.agents.rollout import Job, Model, Terms, run_jobs

__all__ = [
    "STOP_CAUSE",
    "Cause",
    "Completion",
    "Engine",
    "EventLog",
    "Job",
    "Limits",
    "Model",
    "Price",
    "Sampling",
    "ScriptedEngine",
    "Segment",
    "Span",
    "Stop",
    "Terms",
    "Trajectory",
    "finished",
    "read_log",
    "run_episode",
    "run_jobs",
]
