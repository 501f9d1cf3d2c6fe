"""Summary: what an evaluation showed, as it is kept in `summary.json` and shown in tables."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from forethought.benchmarks.ballots import AccuracyRow
from forethought.benchmarks.proxies import ProxyGap
from forethought.benchmarks.stats import Interval
from forethought.benchmarks.work import Work


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class HorizonRow(_Record):
    """Episodes whose tasks need the same number of dependent steps."""

    horizon: int
    n: int
    success: float
    ci: Interval
    tokens_mean: float
    tokens_ci: Interval | None


class Calibration(_Record):
    """How stated confidences compare with successes, over the episodes that state one."""

    n: int
    confidence_mean: float
    accuracy: float
    brier: float
    """0 is perfect, 0.25 is what always saying 0.5 gives."""
    ece: float
    """Expected calibration error over at most ten bins of equal mass."""


class Summary(_Record):
    """What a run of one model on one environment showed."""

    env: str
    model: str
    n: int
    """Scored episodes: what `success` is the mean of."""
    num_tasks: int
    """Distinct tasks among them."""
    planned: int
    """Episodes that the run was to have."""
    coverage: float
    """Scored / planned."""
    success: float | None
    """None where coverage is below 0.5."""
    ci: Interval | None
    """95 %: Wilson, at the effective sample size where tasks were sampled more than once."""
    bounds: Interval
    """Success if every missing episode had failed, and if every one had succeeded."""
    mean_reward: float | None
    mean_reward_ci: Interval | None
    """95 %: Student's t, or the bootstrap over tasks; None where all values are the same."""
    tokens_mean: float | None
    """Sampled tokens an episode, sub-agents included."""
    tokens_ci: Interval | None
    plan_tokens_mean: float | None
    think_tokens_mean: float | None
    answer_tokens_mean: float | None
    turns_mean: float | None
    seconds_mean: float | None
    """Wall seconds of an episode, with others running beside it."""
    agents_mean: float | None
    edits_mean: float | None
    tool_error_rate: float | None
    """Tool calls that failed / tool calls; None where there were none."""
    repeats_mean: float | None = None
    """Turns of an episode that repeated a mistake; see `forethought.agents.record.repeats`."""
    nudges_mean: float | None = None
    """Times that an agent was told it goes in circles, an episode."""
    prompt_tokens_mean: float | None = None
    """Tokens of all prompts of an episode: what the model had to read."""
    template_drift: int = 0
    """Breaks of a context that no edit explains, in all episodes; anything but 0 is a bug."""
    gradient_coverage: float | None = None
    """Tokens in training segments / tokens sampled with log-probabilities; None without any."""
    traits: tuple[str, ...]
    stops: dict[str, int]
    errors: dict[str, int] = Field(default_factory=dict)
    """What the infrastructure lost episodes to, the commonest first; at most five."""
    by_horizon: tuple[HorizonRow, ...]
    pass_at: dict[int, float]
    """k -> chance that one of k samples of a task succeeds."""
    pass_hat: dict[int, float]
    """k -> chance that all k samples of a task succeed."""
    calibration: Calibration | None
    metrics: dict[str, float]
    """Mean of each of the environment's rewards and metrics over the episodes that have it."""
    proxy_gaps: tuple[ProxyGap, ...] = ()
    """How far each proxy that the environment names runs ahead of the reward."""
    warnings: tuple[str, ...]
    work: Work | None = None
    """Critical path, money, plans and effort."""
    samples_by_n: tuple[AccuracyRow, ...] = ()
    """What n samples of a task are worth, from their final answers."""
    votes_by_n: tuple[AccuracyRow, ...] = ()
    """What n parallel calls are worth, from the votes that the agent answered with."""

    @property
    def doing_nothing(self) -> float | None:
        """Mean score of an agent that does nothing; None where the environment does not tell."""
        return self.metrics.get("doing_nothing")
