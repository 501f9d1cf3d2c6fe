"""What a vLLM server offers beside the OpenAI API: its models' folders, and new weights for them.

Weights are loaded through its development endpoints: start it with VLLM_SERVER_DEV_MODE=1, and only
where nobody else can reach it. On a CPU, vLLM 0.32 leaves a head that is tied to the embedding as
it was (see `vllm_worker`): serve models whose head is their own there.
"""

from __future__ import annotations

from pathlib import Path

import httpx
from pydantic import BaseModel, JsonValue, ValidationError

from forethought.agents.engines.client import Client, RequestRefused
from forethought.agents.engines.engine import EngineUnavailable


class ServedModel(BaseModel):
    """One entry of `/v1/models`."""

    id: str
    root: str
    """The folder or hub name that it was loaded from."""
    max_model_len: int


class _Listing(BaseModel):
    data: tuple[ServedModel, ...]


def served_model(base_url: str, name: str, *, api_key: str | None = None) -> ServedModel:
    """What the server says of a model. Raises ValueError if it has none of this name or is none."""
    url = f"{base_url.rstrip('/')}/models"
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    try:
        answer = httpx.get(url, headers=headers, timeout=30.0)
        found = _Listing.model_validate_json(answer.raise_for_status().content).data
    except httpx.HTTPError as error:
        raise ValueError(f"GET {url}: {error}; is the server running?") from error
    except ValidationError as error:
        place = ".".join(str(part) for part in error.errors()[0]["loc"])
        raise ValueError(f"GET {url}: not the answer of a vLLM server: {place}") from None
    for model in found:
        if model.id == name:
            return model
    names = ", ".join(model.id for model in found)
    raise ValueError(f"{base_url} serves no model named {name!r}; there are: {names}")


async def reload_weights(client: Client, folder: str | Path) -> None:
    """Have the server behind `client` (`http://host:8000/v1`) take the weights of a folder.

    The folder is read by the server. Replies under way are finished first, later ones wait, and
    cached keys are forgotten. If the weights cannot be loaded the server stays paused: nobody
    could tell what it would sample from. Raises EngineUnavailable.
    """
    root = Client(
        base_url=str(httpx.URL(client.base_url).copy_with(path="/")),
        api_key=client.api_key,
        patience=client.patience,
    )
    try:
        # Only a drained server forgets everything: blocks in use would stay.
        await root.post("pause?mode=wait&clear_cache=true", {})
        body: dict[str, JsonValue] = {"method": "reload_weights"}
        await root.post("collective_rpc", body | {"kwargs": {"weights_path": str(folder)}})
        answer = await root.post("reset_prefix_cache", {})
        if answer.get("success") is not True:
            raise EngineUnavailable(f"{root.base_url}: cached keys are in use: {answer}")
        await root.post("resume", {})
    except RequestRefused as error:
        if error.status != 404:
            raise
        raise EngineUnavailable(
            f"{error}; weights are exchanged with a vLLM server of VLLM_SERVER_DEV_MODE=1 only"
        ) from error
    finally:
        await root.aclose()
