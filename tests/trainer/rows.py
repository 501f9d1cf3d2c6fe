"""Training rows for tests, and the slow way of learning from them: each row alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

import torch
from tiny_llama import plain_copy, plain_logprobs
from torch import Tensor
from transformers import PreTrainedModel

from forethought.trainer.corrections import correct
from forethought.trainer.learner import Learner, Objective
from forethought.trainer.losses import LOSSES, Terms
from forethought.trainer.tree import Draw, Key, Row

NUM_TOKENS = 4
"""Few different tokens, so that rows meet by chance as well."""


def random_rows(seed: int, *, num_episodes: int = 5) -> list[Row]:
    """Rows of episodes with one prompt in common, forks and further segments.

    A fork repeats draws of the row that it left; a further segment repeats tokens, but none of the
    draws; both may go on with the very tokens that came there before.
    """
    random = Random(seed)
    prompt = _tokens(random, 5)
    rows: list[Row] = []
    for number in range(num_episodes):
        episode = [_row(random, f"e{number}", prompt, (), call=0)]
        for call in range(1, random.randint(1, 4)):
            before = random.choice(episode)
            cut = random.randint(1, len(before.ids))
            is_fork = random.random() < 0.5
            kept = tuple(d for d in before.draws if d.position < cut) if is_fork else ()
            episode.append(_row(random, f"e{number}", before.ids[:cut], kept, call=call))
        rows.extend(episode)
    return rows


def _row(random: Random, episode: str, ids: Sequence[int], kept: Sequence[Draw], call: int) -> Row:
    told, sampled = _tokens(random, random.randint(0, 3)), _tokens(random, random.randint(1, 6))
    start = len(ids) + len(told)
    advantage = random.choice([-1.5, -0.5, 0.0, 0.5, 1.0])
    fresh = [
        Draw(key=(episode, call, at), position=start + at, logprob=0.0, advantage=advantage)
        for at in range(len(sampled))
    ]
    old = [replace(draw, advantage=advantage) for draw in kept]
    return Row(ids=(*ids, *told, *sampled), draws=(*old, *fresh))


def _tokens(random: Random, num: int) -> tuple[int, ...]:
    return tuple(random.randrange(NUM_TOKENS) for _ in range(num))


def behaved(model: PreTrainedModel, rows: Sequence[Row], *, seed: int) -> list[Row]:
    """The rows with log mu near log pi: equal for a third of the episodes, off for the others."""
    random = Random(seed)
    spread: dict[str, float] = {}
    noise: dict[Key, float] = {}
    found = []
    for row in rows:
        logprobs_TV = plain_logprobs(model, row.ids)
        draws = []
        for draw in row.draws:
            width = spread.setdefault(draw.key[0], random.choice([0.0, 0.005, 0.5]))
            shift = noise.setdefault(draw.key, random.gauss(0.0, width))
            pi = float(logprobs_TV[draw.position - 1, row.ids[draw.position]])
            draws.append(replace(draw, logprob=min(pi + shift, 0.0)))
        found.append(replace(row, draws=tuple(draws)))
    return found


Gradients = dict[str, Tensor]


def learnt_from(
    model: PreTrainedModel, rows: Sequence[Row], objective: Objective, *, max_tokens: int = 10_000
) -> tuple[float, Gradients]:
    """Loss and gradients of a learner's step; the model is left as it was."""
    kept = {name: value.detach().clone() for name, value in model.state_dict().items()}
    learner = Learner(model, learning_rate=1.0, max_gradient_norm=math.inf, max_tokens=max_tokens)
    found: Gradients = {}

    def keep(*_: object) -> None:
        for name, parameter in model.named_parameters():
            assert parameter.grad is not None, name
            found[name] = parameter.grad.clone()

    learner.optimizer.register_step_pre_hook(keep)
    loss = learner.step(rows, objective).loss
    model.load_state_dict(kept)
    return loss, found


def learnt_row_by_row(
    model: PreTrainedModel, rows: Sequence[Row], objective: Objective
) -> tuple[float, Gradients]:
    """The same from each row alone in the library's own attention, by the definition."""
    plain = plain_copy(model)
    chances: dict[Key, list[Tensor]] = {}
    draws: dict[Key, list[Draw]] = {}
    for row in rows:
        logits_TV = plain(input_ids=torch.tensor([row.ids]), use_cache=False).logits[0]
        logprobs_TV = torch.log_softmax(logits_TV / objective.temperature, dim=-1)
        for draw in row.draws:
            chances.setdefault(draw.key, []).append(
                logprobs_TV[draw.position - 1, row.ids[draw.position]]
            )
            draws.setdefault(draw.key, []).append(draw)
    episodes = sorted({key[0] for key in draws})
    terms = Terms(
        logprob_M=torch.stack([torch.stack(found).mean() for found in chances.values()]),
        behaviour_M=torch.tensor([found[0].logprob for found in draws.values()]),
        advantage_M=torch.tensor([_mean([d.advantage for d in f]) for f in draws.values()]),
        sequence_M=torch.tensor([episodes.index(key[0]) for key in draws]),
    )
    loss_M = LOSSES[objective.loss](terms) * correct(terms, objective.corrections)
    loss = (loss_M * torch.tensor(_weights(list(draws), objective))).sum()
    loss.backward()  # type: ignore[no-untyped-call]
    found = {name: p.grad for name, p in plain.named_parameters() if p.grad is not None}
    return float(loss.detach()), found


def _weights(keys: Sequence[Key], objective: Objective) -> list[float]:
    """What each draw's loss is multiplied by."""
    if objective.denominator == "token":
        return [1 / len(keys)] * len(keys)
    if objective.denominator == "constant":
        return [1 / objective.constant] * len(keys)
    lengths = {key[0]: sum(other[0] == key[0] for other in keys) for key in keys}
    return [1 / len(lengths) / lengths[key[0]] for key in keys]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def largest_difference(left: Mapping[str, Tensor], right: Mapping[str, Tensor]) -> float:
    """Over all elements of all parameters, which must be the same ones."""
    assert left.keys() == right.keys()
    return max(float((left[name] - right[name]).abs().max()) for name in left)
