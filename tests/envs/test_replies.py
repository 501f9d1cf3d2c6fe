"""What a reply says to an environment that has no tools and takes it as the answer."""

import numpy as np

from forethought.envs import Env, Task, reward


class Form(Env):
    """Answer in JSON; there is no tool to call."""

    def make_task(self, rng: np.random.Generator, *, horizon: int) -> Task:
        return Task(id=str(rng.integers(1 << 30)), prompt="Who?", answer='{"name": "Bob"}')

    @reward
    def right(self) -> float:
        return float(self.submitted is not None and self.submitted.answer == self.task.answer)


def test_plan_and_thought_are_no_part_of_the_answer_that_is_scored() -> None:
    env = Form()
    env.reset(seed=0)
    said = f"plan: answer\n<think>Is it Ann? No.</think>\n{env.task.answer}"
    assert env.step(said)[1] == 1.0
    assert env.submitted is not None
    assert env.submitted.answer == env.task.answer


def test_where_there_are_no_tools_an_answer_may_look_like_a_call() -> None:
    env = Form()
    env.reset(seed=0)
    told = env.step("<tool_call>{}</tool_call>")[4]["results"][0].text
    assert told == "Could not read this tool call: the call has no name."
    assert env.step('{"name": "Bob"}')[1] == 1.0
