"""A tokenizer of a few hundred tokens with a chat template, trained here, and a model for it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tiny_llama import tiny_llama
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaForCausalLM, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from forethought.agents.templates.template import Role

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{{ message['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
TALK: list[tuple[Role, str]] = [
    ("system", "Answer in one line."),
    ("user", "What is 2 + 2?\nThink first."),
    ("assistant", " 4."),
    ("user", "And 3 + 3 , then ?"),
]


def small_tokenizer(*, special: Sequence[str] = ("<|im_start|>", "<|im_end|>")) -> Tokenizer:
    """Byte-level BPE with a few merges, trained here."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<|endoftext|>", *special],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([text for _, text in TALK] + ["user assistant system\n"], trainer)
    return tokenizer


def small() -> PreTrainedTokenizerBase:
    return PreTrainedTokenizerFast(
        tokenizer_object=small_tokenizer(), eos_token="<|endoftext|>", chat_template=CHATML
    )


def save_small_chat(folder: Path, *, seed: int, tied: bool = True) -> LlamaForCausalLM:
    """A model of head size 32, the smallest that vLLM has kernels for, as a folder."""
    tokenizer = small()
    model = tiny_llama(seed=seed, vocab_size=len(tokenizer), head_dim=32, tied=tied)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return model
