"""A whole vision-language model: image features stand in the prompt's place of image tokens, and the decoder reads on.

Follows `Qwen2VLForConditionalGeneration`, `Qwen2_5_VLForConditionalGeneration` and `Qwen3VLForConditionalGeneration` of
transformers 5.24.0, with their argument names and layouts.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator, Sequence
from typing import Any

import numpy as np

from mlx_saccade import validation
from mlx_saccade.backend import claim_process, mx, nn
from mlx_saccade.models import generation, inputs
from mlx_saccade.models.cache import KVCache
from mlx_saccade.models.config import Config, Grid
from mlx_saccade.models.families import FamilySpec
from mlx_saccade.models.generation import Observer, Sampler
from mlx_saccade.models.inputs import AssignedMedia, Prompt
from mlx_saccade.preprocess import positions

__all__ = ["Model"]


class Model(nn.Module):
    """A vision-language model; `mlx_saccade.models.load` makes one from a folder."""

    def __init__(self, config: Config, family: FamilySpec) -> None:
        super().__init__()
        self.config, self.family = config, family
        self.visual = family.vision_model(config.vision)
        self.model = family.language_model(config.text)
        if not config.tie_word_embeddings:
            self.lm_head = nn.Linear(config.text.hidden_size, config.text.vocab_size, bias=False)

    def __call__(
        self,
        input_ids: Any,
        pixel_values: Any = None,
        image_grid_thw: Any = None,
        pixel_values_videos: Any = None,
        video_grid_thw: Any = None,
        second_per_grid_ts: Any = None,
        attention_mask: Any = None,
    ) -> mx.array:
        """Return the logits of every position.

        Args:
            input_ids: integers [L] or [B, L]; each image has as many image tokens as its grid after merging. In
                Qwen3-VL each frame of a video's grid is a run of video tokens of its own.
            pixel_values: patches of all images, row after row of the batch: uint8 [patches, 588] as
                `mlx_saccade.patchify(..., layout="native")`, or float [patches, 1176] as transformers. Patches of
                Qwen3-VL have 768 and 1,536 values.
            image_grid_thw: [images, 3], (frames, rows, columns) in patches.
            pixel_values_videos: float [patches, 1176], as `pixel_values`.
            video_grid_thw: [videos, 3].
            second_per_grid_ts: seconds between grid frames, one value for each video; default 1.0. Qwen2-VL has no
                time in seconds, and Qwen3-VL has it in the prompt's words: both take none.
            attention_mask: 0 for padding, which is on the left, else 1, in the shape of input_ids; default no padding.

        Returns:
            [B, L, vocabulary]; values at padding have no meaning.

        Raises:
            InputError: shapes, types, ids or counts that do not fit each other; the message names both.
        """
        prompt = self.prompt(
            input_ids,
            pixel_values,
            image_grid_thw,
            pixel_values_videos,
            video_grid_thw,
            second_per_grid_ts,
            attention_mask,
        )
        cache = self.model.make_cache(prompt.padding)
        return self.logits(mx.concatenate(list(generation.read_chunks(self.model, prompt, cache)), axis=1))

    def image_features(
        self, pixel_values: Any, image_grid_thw: Any, progress: Callable[[int, int], None] | None = None
    ) -> mx.array:
        """Return the vision tower's features [tokens, hidden] of all images, one after another.

        Args:
            pixel_values: as in a call.
            image_grid_thw: as in a call.
            progress: called with (tokens done, tokens in all) on the way.

        Raises:
            InputError: as in a call, or features that are not finite.
        """
        return self.encode(pixel_values, image_grid_thw, progress)[:, : self.config.vision.out_hidden_size]

    def deepstack_features(
        self, pixel_values: Any, image_grid_thw: Any, progress: Callable[[int, int], None] | None = None
    ) -> list[mx.array]:
        """Return what the language model adds after its first layers: an array [tokens, hidden] for each.

        Args:
            pixel_values: as in a call.
            image_grid_thw: as in a call.
            progress: as `image_features`.

        Returns:
            The deepstack levels of Qwen3-VL, that of the tower's first block in the list first; none for a family
            without.

        Raises:
            InputError: as `image_features`.
        """
        levels = 1 + self.config.vision.levels
        return list(mx.split(self.encode(pixel_values, image_grid_thw, progress), levels, axis=-1))[1:]

    def encode(
        self, pixel_values: Any, image_grid_thw: Any, progress: Callable[[int, int], None] | None = None
    ) -> mx.array:
        """Return the features and deepstack levels of all images in one array, as `prompt` takes them.

        Args:
            pixel_values: as in a call.
            image_grid_thw: as in a call.
            progress: as `image_features`.

        Returns:
            [tokens, (1 + levels) hidden]: the features of a token, then its levels.

        Raises:
            InputError: as `image_features`.
        """
        claim_process()
        grids = inputs.read_grids(image_grid_thw, "image_grid_thw")
        patches = inputs.read_pixels(pixel_values, "pixel_values")
        inputs.check_patches(patches, grids, self.config.vision)
        return self.visual(patches, grids, progress)

    def generate(self, input_ids: Any, max_new_tokens: int, **inputs: Any) -> list[int] | list[list[int]]:
        """Return the greedy continuation, up to and including an end token of the checkpoint.

        Args:
            input_ids: as in a call.
            max_new_tokens: most tokens of each row, at least 1.
            inputs: images and videos, as in a call.

        Returns:
            The ids of one sequence, or a list of those for a batch.

        Raises:
            InputError: as in a call.
        """
        max_new_tokens = validation.at_least(1, max_new_tokens, "max_new_tokens")
        answers = generation.generate(self, self.prompt(input_ids, **inputs), max_new_tokens)
        return answers if len(answers) > 1 else answers[0]

    def prompt(
        self,
        input_ids: Any,
        pixel_values: Any = None,
        image_grid_thw: Any = None,
        pixel_values_videos: Any = None,
        video_grid_thw: Any = None,
        second_per_grid_ts: Any = None,
        attention_mask: Any = None,
        *,
        image_features: mx.array | None = None,
        video_features: mx.array | None = None,
    ) -> Prompt:
        """Embed a prompt; arguments as in a call, but the result of `encode` may replace pixels.

        Raises:
            InputError: as in a call, or features of another width than the tower's.
        """
        claim_process()
        config, family = self.config, self.family
        ids, is_token = inputs.read_ids(input_ids, attention_mask, config.text.vocab_size)
        images = inputs.read_grids(image_grid_thw, "image_grid_thw")
        videos = inputs.read_grids(video_grid_thw, "video_grid_thw")
        seconds = inputs.read_seconds(second_per_grid_ts, len(videos), family.seconds_per_grid, family.name)
        if image_features is None and pixel_values is not None:
            image_features = self.encode(pixel_values, images)
        if video_features is None and pixel_values_videos is not None:
            video_features = self.encode(pixel_values_videos, videos)
        for features, name in ((image_features, "image_features"), (video_features, "video_features")):
            inputs.check_features(features, config.vision, name)
        unit = config.vision.spatial_merge_size**2
        image_rows = inputs.assign_media(ids == config.image_token_id, image_features, images, unit, "image")
        video_rows = inputs.assign_media(ids == config.video_token_id, video_features, videos, unit, "video")
        prompts, first = [], 0
        for row, mask, row_images, row_videos in zip(ids, is_token, image_rows, video_rows, strict=True):
            end = first + len(row_videos.grids)
            prompts.append(self._embed_row(row[mask], row_images, row_videos, seconds[first:end]))
            first = end
        return inputs.left_pad(prompts)

    def _embed_row(
        self, ids: np.ndarray, images: AssignedMedia, videos: AssignedMedia, seconds: Sequence[float]
    ) -> Prompt:
        """Embed one sequence without padding."""
        embeddings = self.model.embed_tokens(mx.array(ids))  # [L, hidden]
        levels = self.config.vision.levels if images.features is not None or videos.features is not None else 0
        rows = [embeddings, *(mx.zeros_like(embeddings) for _ in range(levels))]
        for token, media in ((self.config.image_token_id, images), (self.config.video_token_id, videos)):
            if media.features is not None:
                parts = mx.split(media.features, 1 + levels, axis=-1)  # the features, then each level
                rows = [inputs.place_features(*pair, ids == token) for pair in zip(rows, parts, strict=True)]
        position_ids, delta = self.position_ids(ids, images.grids, videos.grids, seconds)
        deepstack = mx.stack(rows[1:])[:, None] if levels else None  # [levels, 1, L, hidden]
        return Prompt(rows[0][None], mx.array(position_ids)[:, None], (delta,), (0,), deepstack)

    def position_ids(
        self, ids: Any, image_grids: Sequence[Grid], video_grids: Sequence[Grid] = (), seconds: Sequence[float] = ()
    ) -> tuple[np.ndarray, int]:
        """Return `mlx_saccade.mrope_positions` of one prompt with the checkpoint's token ids and sizes.

        Where words say the time of a video, each frame of its grid is an image of its own.
        """
        if self.family.timed_words:
            video_grids = [(1, rows, columns) for frames, rows, columns in video_grids for _ in range(frames)]
        return positions.mrope_positions(
            ids,
            image_grids=image_grids,
            video_grids=video_grids,
            seconds_per_grid=seconds,
            image_token_id=self.config.image_token_id,
            video_token_id=self.config.video_token_id,
            vision_start_token_id=self.config.vision_start_token_id,
            merge_size=self.config.vision.spatial_merge_size,
            tokens_per_second=self.config.vision.tokens_per_second,
        )

    def prefill(
        self, prompt: Prompt, cache: Sequence[KVCache], progress: Callable[[int, int], None] | None = None
    ) -> mx.array:
        """Read a prompt into an empty cache and return the logits [B, vocabulary] after its last token.

        Args:
            prompt: one or several rows.
            cache: from `make_cache(prompt.padding)`.
            progress: called with (tokens read, tokens in all) after each pass.

        Raises:
            InputError: logits that are not finite; the message names the layer where they began.
        """
        return generation.prefill(self, prompt, cache, progress)

    def decode(self, tokens: Sequence[int] | mx.array, deltas: Sequence[int], cache: Sequence[KVCache]) -> mx.array:
        """Read one more token in each row and return the logits [B, vocabulary] after it.

        Args:
            tokens: one for each row.
            deltas: `Prompt.deltas` of these rows.
            cache: holds the tokens before.
        """
        return generation.decode(self, tokens, deltas, cache)

    def stream(
        self,
        prompt: Prompt,
        cache: Sequence[KVCache],
        logits: mx.array,
        max_new_tokens: int,
        choose: Sampler | None = None,
        observe: Observer | None = None,
    ) -> Iterator[int]:
        """Yield the tokens after a prompt of one row; as `stream_rows`."""
        return generation.stream(self, prompt, cache, logits, max_new_tokens, choose, observe)

    def stream_rows(
        self,
        prompt: Prompt,
        cache: Sequence[KVCache],
        logits: mx.array,
        max_new_tokens: int,
        choose: Sequence[Sampler] | None = None,
        done: Container[int] = (),
        observe: Observer | None = None,
    ) -> Iterator[tuple[int, int]]:
        """Yield (row, token) of a batch, row after row, each token as soon as it is known.

        Args:
            prompt: as it was read.
            cache: holds the prompt. It grows by the tokens except perhaps the last, and loses rows that end.
            logits: [B, vocabulary], from `prefill`.
            max_new_tokens: most tokens of each row, at least 1; an end token of the checkpoint ends a row earlier.
            choose: a sampler for each row; default greedy.
            done: rows to stop; the caller may add to it on the way.
            observe: called with each token and its logits; None: nobody.

        Raises:
            InputError: as `prefill`, where NaN gives token 0.
        """
        return generation.stream_rows(self, prompt, cache, logits, max_new_tokens, choose, done, observe)

    @property
    def head(self) -> nn.Module:
        """Layer that holds the weights [vocabulary, hidden] of the head: `lm_head`, or the embedding."""
        return self.model.embed_tokens if self.config.tie_word_embeddings else self.lm_head

    def logits(self, hidden: mx.array) -> mx.array:
        """Apply the head: [..., hidden] -> [..., vocabulary]."""
        tied = self.config.tie_word_embeddings
        logits: mx.array = self.model.embed_tokens.as_linear(hidden) if tied else self.lm_head(hidden)
        return logits
