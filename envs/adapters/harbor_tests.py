"""Harbor's tests: test.sh in a fresh sandbox, and the reward that it writes."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from forethought.envs.adapters.harbor_image import TMP
from forethought.envs.adapters.harbor_task import FILE, HarborTask, resolved
from forethought.sandbox import Sandbox, SandboxFileError

VERIFIER_S = 600.0
"""Harbor's own limit where the task sets none."""
MAX_REWARD_FILE = 1 << 16
LOGS = f"{TMP}/logs/verifier"


async def run_tests(
    harbor: HarborTask, files: bytes | None, sandbox: Sandbox
) -> dict[str, float] | None:
    """Bring files and tests into a fresh sandbox and run test.sh; the rewards that it wrote.

    None if it wrote none that can be read, within its time. Raises SandboxUnavailable.
    """
    if files is not None:
        await sandbox.restore(files)
    for name, content in harbor.tests.items():
        mode = 0o755 if name.endswith(".sh") else 0o644
        await sandbox.write(f"{TMP}/tests/{name}", content, mode=mode)
    folders = [f"{TMP}/logs/{name}" for name in ("verifier", "agent", "artifacts")]
    await sandbox.exec(["mkdir", "-p", *folders])
    verifier = harbor.config.verifier
    await sandbox.exec(
        ["bash", "/tests/test.sh"],
        env=resolved(verifier.env, where=harbor.directory / FILE),
        timeout_s=verifier.timeout_sec or VERIFIER_S,
    )
    for name, read in (("reward.json", read_json), ("reward.txt", read_text)):
        try:
            content = await sandbox.read(f"{LOGS}/{name}", max_bytes=MAX_REWARD_FILE)
        except SandboxFileError:
            continue
        return read(content)
    return None


def read_text(content: bytes) -> dict[str, float] | None:
    """`reward.txt`: one finite number."""
    try:
        value = float(content.decode("utf-8"))
    except ValueError:
        return None
    return {"reward": value} if math.isfinite(value) else None


def read_json(content: bytes) -> dict[str, float] | None:
    """`reward.json`: finite numbers by name, or one."""
    try:
        found = json.loads(content)
    except ValueError:
        return None
    rewards = found if isinstance(found, dict) else {"reward": found}
    numbers = {
        name: float(value)
        for name, value in rewards.items()
        if isinstance(value, int | float) and math.isfinite(value)
    }
    return numbers if numbers and len(numbers) == len(rewards) else None


def main_reward(rewards: Mapping[str, float]) -> float:
    """The one called reward, else the mean."""
    return rewards["reward"] if "reward" in rewards else sum(rewards.values()) / len(rewards)
