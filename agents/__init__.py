"""The loop in which a model acts, and the record that it leaves."""

from forethought.agents.budget import Limits
from forethought.agents.engine import Completion, Engine, Sampling
from forethought.agents.log import EventLog, finished, read_log
from forethought.agents.loop import run_episode
from forethought.agents.rollout import Job, Model, run_jobs
from forethought.agents.scripted import ScriptedEngine
from forethought.agents.stop import STOP_CAUSE, Cause, Stop
from forethought.agents.trajectory import Segment, Span, Trajectory

__all__ = [
    "STOP_CAUSE",
    "Cause",
    "Completion",
    "Engine",
    "EventLog",
    "Job",
    "Limits",
    "Model",
    "Sampling",
    "ScriptedEngine",
    "Segment",
    "Span",
    "Stop",
    "Trajectory",
    "finished",
    "read_log",
    "run_episode",
    "run_jobs",
]
