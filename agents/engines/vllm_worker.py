"""What runs inside vLLM's worker: weights from a folder, the output head's included.

vLLM's `reload_weights` loads what a checkpoint names. A head that is tied to the embedding is not
named there. On a GPU it is the same memory and needs nothing; on a CPU it is a packed copy, which
vLLM 0.32 leaves as it was, so that old and new weights are mixed.
"""

from __future__ import annotations

from typing import Protocol


class _Method(Protocol):
    def process_weights_after_loading(self, layer: object) -> None: ...


class _Head(Protocol):
    quant_method: _Method


class _Model(Protocol):
    lm_head: _Head


class _Runner(Protocol):
    def get_model(self) -> _Model: ...


class _Worker(Protocol):
    model_runner: _Runner

    def reload_weights(self, *, weights_path: str) -> None: ...


class Reloading:
    """Methods that vLLM adds to its worker (`worker_extension_cls`)."""

    def reload_with_head(self: _Worker, folder: str) -> None:
        """Take the weights of a folder in place."""
        self.reload_weights(weights_path=folder)
        head = self.model_runner.get_model().lm_head
        head.quant_method.process_weights_after_loading(head)
