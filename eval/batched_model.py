"""A local model that writes many answers side by side: the same weights as llama.cpp's server has, in torch.

A processor reads a batch in the time of a few single prompts; a hundred drafts take minutes instead of an hour.
Needs the [torch] extra and the package `gguf`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

Messages = Sequence[Mapping[str, str]]
_CHAT = "<|im_start|>{role}\n{content}<|im_end|>\n"
_ANSWER = "<|im_start|>assistant\n"


class BatchedModel:
    """Greedy answers of a ChatML model.

    Args:
        weights: The GGUF file.
        tokens: Most tokens of an answer.
        threads: Cores to compute with.
    """

    def __init__(self, weights: Path, *, tokens: int, threads: int = 1) -> None:
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

        torch.set_num_threads(threads)
        place = {"pretrained_model_name_or_path": str(weights.parent), "gguf_file": weights.name}
        self._tokenizer: Any = AutoTokenizer.from_pretrained(**place, padding_side="left")
        dense = GgufConfig(dequantize=True)
        self._model: Any = AutoModelForCausalLM.from_pretrained(
            **place, dtype=torch.bfloat16, quantization_config=dense
        )
        self._tokens = tokens

    def write(self, asked: Sequence[Messages], *, at_once: int) -> Iterator[str]:
        """Yield the answers in order, each as far as its tokens go."""
        for start in range(0, len(asked), at_once):
            yield from self._batch(asked[start : start + at_once])

    def _batch(self, asked: Sequence[Messages]) -> list[str]:
        texts = ["".join(_CHAT.format_map(one) for one in messages) + _ANSWER for messages in asked]
        given = self._tokenizer(texts, return_tensors="pt", padding=True)
        written = self._model.generate(**given, max_new_tokens=self._tokens, do_sample=False)
        fresh = written[:, given["input_ids"].shape[1] :]
        return list(self._tokenizer.batch_decode(fresh, skip_special_tokens=True))
