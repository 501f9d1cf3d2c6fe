"""`forethought serve`: one of our environments offered to clients of OpenEnv."""

from __future__ import annotations

import os
from functools import partial

import anyio
from pydantic import JsonValue
from rich.console import Console

from forethought.envs.adapters.openenv_server import serving
from forethought.envs.registry import make


def serve_openenv(
    env_id: str,
    options: dict[str, JsonValue],
    *,
    host: str,
    port: int,
    max_sessions: int,
    console: Console,
) -> dict[str, JsonValue]:
    """Serve until Ctrl-C.

    Raises ValueError without websockets, for an environment that cannot be made, and for a port
    that cannot be listened on.
    """
    make_env = partial(make, env_id, **options)
    make_env().close()

    async def run() -> None:
        async with serving(make_env, host=host, port=port, max_sessions=max_sessions) as taken:
            console.print(f"http://{host}:{taken} (Ctrl-C ends)", markup=False, highlight=False)
            await anyio.sleep_forever()

    try:
        anyio.run(run)
    except KeyboardInterrupt:
        console.print("served no more")
    except OSError as error:
        raise ValueError(
            f"cannot listen on port {port} of {host} ({os.strerror(error.errno or 0)}); take "
            "another with --port, or 0 for any that is free"
        ) from error
    return {"env": env_id}
