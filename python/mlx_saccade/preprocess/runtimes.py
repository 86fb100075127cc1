"""Image limits of other runtimes by version, as data.

Each record comes from the runtime's source code at the named version, or from its public threads where `confidence`
says so; a `note` marks what is second-hand. Only the processors of transformers and of mlx-vlm 0.7.10 were executed.
The limits are applied with the reference's arithmetic (transformers 5.23.0). A runtime that rounds or pads differently
can use another number of tokens; its `note` says how. A record has the families for which its source was read; those
of Qwen share its words, and a family with other sources has its own.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mlx_saccade import _core, families, validation
from mlx_saccade.errors import InputError, brief
from mlx_saccade.families import Family
from mlx_saccade.preprocess import gemma4

__all__ = ["Limits", "SurveyRow", "get", "names", "row", "setting", "survey"]

_AS_REFERENCE = "half to even"


@dataclass(frozen=True)
class Limits:
    """The limits of a runtime on a resized image.

    Attributes:
        runtime: name of the runtime.
        versions: versions that have these limits, in words.
        min_pixels: lower limit in pixels.
        max_pixels: upper limit in pixels.
        from_checkpoint: True if the runtime reads them from the checkpoint; these are then the family's.
        fit: side in pixels of the square into which the runtime fits an image before its limits; None if it does not.
    """

    runtime: str
    versions: str
    min_pixels: int
    max_pixels: int
    from_checkpoint: bool
    fit: int | None = None


@dataclass(frozen=True)
class Reading:
    """The words of a record about one family, which was read in other files.

    Attributes:
        versions: versions that were read, in words.
        rounding: rounding of a side to a multiple of the factor.
        filter: resampling filter.
        override: setting that changes the limits.
        note: differences from the reference; empty if there are none.
        source: file that was read.
    """

    versions: str
    rounding: str
    filter: str
    override: str
    note: str
    source: str


@dataclass(frozen=True)
class Runtime:
    """A runtime over one range of its versions.

    Attributes:
        name: name, as `get` takes it.
        versions: range of versions in words.
        first: first version of the range; None for a source read at a commit, without a version number.
        below: first version after the range; None if no end is known.
        labels: other words that `get` takes after the "@".
        limits: family -> (min_pixels, max_pixels), "checkpoint" or "unknown".
        rounding: rounding of a side to a multiple of the factor.
        filter: resampling filter.
        override: setting that changes the limits, here to 1,280 tokens of Qwen2.5-VL if it takes pixels; or "unknown".
        note: differences from the reference; empty if there are none.
        source: file or thread that was read.
        confidence: "source", or "issue" for a statement in a public thread.
        fit: side in pixels of the square into which an image is fitted before its limits apply; None if it is not.
        enlarges: True if an image smaller than `fit` is enlarged to it.
        readings: words about a family with sources of its own, by its name.
    """

    name: str
    versions: str
    first: str | None
    below: str | None
    labels: tuple[str, ...]
    limits: dict[str, tuple[int, int] | str]
    rounding: str
    filter: str
    override: str
    note: str
    source: str
    confidence: str = "source"
    fit: int | None = None
    enlarges: bool = False
    readings: Mapping[str, Reading] = field(default_factory=dict)

    def fitted(self, width: int, height: int) -> tuple[int, int]:
        """Return the (width, height) of an image to which the limits apply."""
        if self.fit is None:
            return width, height
        scale = self.fit / max(width, height)
        if scale == 1 or (scale > 1 and not self.enlarges):
            return width, height
        return max(1, round(width * scale)), max(1, round(height * scale))


@dataclass(frozen=True)
class SurveyRow:
    """The limits of a runtime and the size they give one image; None where the limits are unknown.

    Attributes:
        runtime: name of the runtime.
        versions: range of versions in words.
        min_tokens: lower limit in whole tokens, rounded up.
        max_tokens: upper limit in whole tokens, rounded down.
        min_pixels: lower limit in pixels.
        max_pixels: upper limit in pixels.
        resized_size: (width, height) by the reference's arithmetic within those limits.
        tokens: visual tokens of that size.
        rounding: rounding of a side to a multiple of the factor.
        filter: resampling filter.
        override: setting that changes the limits, with the pixels of 1,280 tokens of the family; or "unknown".
        note: differences from the reference; empty if there are none.
        source: file or thread that was read.
        confidence: "source", or "issue" for a statement in a public thread.
    """

    runtime: str
    versions: str
    min_tokens: int | None
    max_tokens: int | None
    min_pixels: int | None
    max_pixels: int | None
    resized_size: tuple[int, int] | None
    tokens: int | None
    rounding: str
    filter: str
    override: str
    note: str
    source: str
    confidence: str


_QWEN = ("qwen2-vl", "qwen2.5-vl", "qwen3-vl")


def _same(limits: tuple[int, int] | str) -> dict[str, tuple[int, int] | str]:
    return dict.fromkeys(_QWEN, limits)


def _tokens(least: int, most: int) -> dict[str, tuple[int, int] | str]:
    """Convert limits in tokens to pixels for each of Qwen's families."""
    areas = {name: families.get(name).factor ** 2 for name in _QWEN}
    return {name: (least * area, most * area) for name, area in areas.items()}


_OLLAMA_GO = "rejects sides below one factor, ratio tested by integer division (200.9 passes), a shrunk side can be 0"
_OLLAMA_GO_SOURCE = "ollama model/models/qwen25vl/process_image.go, qwen3vl hard-coded"
_LLAMA_CPP = (
    "keeps the aspect ratio and pads with centered black where the reference stretches (up to half a factor a side); "
    "float32; no ratio check"
)
_AWAY = "half away from zero"
_DOWN = "down"  # Gemma 4's rule
_BOTH_BACKENDS = (
    "torchvision's bicubic where torchvision is installed, else Pillow's: --backend torchvision, or pillow; up to 2 "
    "levels apart in under 1 % of values, further in tall images that Pillow 13 shrinks"
)
_GEMMA_280 = 48**2, 280 * 48**2  # one token, and the default budget of its checkpoints
_COREIMAGE = "rejects sides below one factor, ratio tested by integer division, Float32; not Pillow's pixels"
_MLX_SWIFT: dict[str, tuple[int, int] | str] = {
    "qwen2-vl": (3136, 1003520), "qwen2.5-vl": (3136, 1003520), "qwen3-vl": (65536, 1310720), "gemma-4": _GEMMA_280
}  # fmt: skip
_MLX_SWIFT_GEMMA = Reading(
    "commit 14414441 (2026-08-22)", _DOWN, "CIFilter bicubic", "max_soft_tokens of the checkpoint's processor_config",
    "not Pillow's pixels", "mlx-swift-lm Libraries/MLXVLM/Models/Gemma4.swift",
)  # fmt: skip

_RECORDS = (
    Runtime(
        "transformers", "5.23.0 and 5.24.0", "5.23.0", "5.24.1", (), _same("checkpoint") | {"gemma-4": _GEMMA_280},
        _AS_REFERENCE,
        _BOTH_BACKENDS,
        'from_pretrained(..., max_pixels=1003520), or size={"shortest_edge": 3136, "longest_edge": 1003520}, both keys',
        "the reference; its class without a checkpoint's configuration uses 3,136 to 1,003,520 px instead",
        "transformers models/qwen2_vl/image_processing_qwen2_vl.py 5.23.0",
        readings={
            "gemma-4": Reading(
                "5.24.0", _DOWN,
                _BOTH_BACKENDS,
                "max_soft_tokens=560 in from_pretrained or in the call; 70, 140, 280, 560 and 1120 are possible",
                "the reference; one budget a call", "transformers models/gemma4/image_processing_pil_gemma4.py 5.24.0",
            )
        },
    ),
    Runtime(
        "vllm", "commit 002d181a (late 2025) and later copies", None, None, ("002d181a", "01bae219"),
        _same("checkpoint") | {"gemma-4": _GEMMA_280},
        _AS_REFERENCE, "as transformers",
        "--mm-processor-kwargs '{\"max_pixels\": 1003520}', or mm_processor_kwargs in a request; limits inside an "
        "image_url part are ignored", "",
        "vllm/model_executor/models/qwen2_vl.py, qwen3_vl.py",
        readings={
            "gemma-4": Reading(
                "commit 01bae219", _DOWN, "as transformers", "--mm-processor-kwargs '{\"max_soft_tokens\": 560}'",
                "handed to transformers' processor; counts a token less or more for sides below 48 px",
                "vllm/model_executor/models/gemma4_mm.py",
            )
        },
    ),
    Runtime(
        "sglang", "2025-11 (commit 02065f00)", "2025.11", "2025.12", ("02065f00",),
        {"qwen2-vl": (3136, 12845056), "qwen2.5-vl": (3136, 12845056), "qwen3-vl": (65536, 12845056)},
        _AS_REFERENCE, "Pillow bicubic, then transformers' bicubic",
        "SGLANG_IMAGE_MAX_PIXELS=1003520 in the environment",
        "resizes twice: by a constant of its own at factor 28 (Qwen3-VL too), then by the checkpoint's rules; "
        "max(factor, side) while rounding, none while shrinking",
        "python/sglang/srt/environ.py, multimodal/processors/qwen_vl.py",
    ),
    Runtime(
        "sglang", "2026-06 (mid-2026)", "2026.6", "2026.7", (), _same("checkpoint"), _AS_REFERENCE, "as transformers",
        "--mm-process-config '{\"image\": {\"max_pixels\": 1003520}}'", "handed to transformers' processor",
        "python/sglang/srt/multimodal/processors/qwen_vl.py, mid-2026",
    ),
    Runtime(
        "tensorrt-llm", "PyTorch backend, commit 000a01de", None, None, ("000a01de",), _same("checkpoint"),
        _AS_REFERENCE, "as transformers", "mm_processor_kwargs={\"max_pixels\": 1003520} in the request",
        "", "tensorrt_llm/_torch/models/modeling_qwen2vl.py",
    ),
    Runtime(
        "llama.cpp", "since 2025-11-05 (commit 0024aa74, build b10488)", None, None, ("0024aa74", "b10488"),
        _tokens(8, 4096), _AWAY, "by version: bilinear, then bicubic, then Pillow's",
        "--image-max-tokens 1280 (and --image-min-tokens)",
        _LLAMA_CPP + "; newer versions are said to take clip.vision.image_min_pixels and image_max_pixels of the GGUF "
        "file where the flags are absent (second-hand, not read)",
        "tools/mtmd/clip.cpp set_limit_image_tokens(8, 4096)",
    ),
    Runtime(
        "ollama", "0.7.0 to 0.12.6", "0.7.0", "0.12.7", (),
        {"qwen2-vl": "unknown", "qwen2.5-vl": (3136, 1003520), "qwen3-vl": "unknown"},
        _AS_REFERENCE, "bilinear", "none, it is written in the source", _OLLAMA_GO, _OLLAMA_GO_SOURCE,
    ),
    Runtime(
        "ollama", "0.12.7 to 0.13.3", "0.12.7", "0.13.4", (),
        {"qwen2-vl": "unknown", "qwen2.5-vl": (3136, 1003520), "qwen3-vl": (65536, 2 << 20)},
        _AS_REFERENCE, "bilinear", "none, it is written in the source", _OLLAMA_GO, _OLLAMA_GO_SOURCE,
    ),
    Runtime(
        "ollama", "0.13.4 to below 0.30.0", "0.13.4", "0.30.0", (),
        {"qwen2-vl": "unknown", "qwen2.5-vl": (3136, 2 << 20), "qwen3-vl": (65536, 2 << 20)},
        _AS_REFERENCE, "bilinear", "none, it is written in the source", _OLLAMA_GO,
        _OLLAMA_GO_SOURCE + ", commit 971d62595",
    ),
    Runtime(
        "ollama", "0.30.0 and later", "0.30.0", None, (), _tokens(1024, 4096), _AWAY, "llama.cpp b10488's",
        "none found", "small images are enlarged to 1,024 tokens; otherwise llama.cpp's: " + _LLAMA_CPP,
        "ollama llm/llama_server.go:1032, llama.cpp clip.cpp",
    ),
    Runtime(
        "ollama-mlx", "MLX engine, commit fb307609", None, None, ("fb307609",), _same("unknown"),
        _AS_REFERENCE, "Catmull-Rom", "unknown",
        "runs Qwen3.5 alone: 64 to 16,384 tokens of 32x32 px, with the reference's arithmetic",
        "ollama x/models/qwen3_5/process_image.go",
    ),
    Runtime(
        "mlx-vlm", "0.6.15", "0.6.15", "0.6.16", (), _same("checkpoint"), _AS_REFERENCE, "Pillow bicubic",
        "max_pixels=1003520 in the call; --processor-kwargs '{\"max_pixels\": 1003520}'",
        "drops alpha where the reference puts it over white",
        "mlx_vlm/models/qwen3_vl/processing_qwen3_vl.py",
    ),
    Runtime(
        "mlx-vlm", "0.7.10", "0.7.10", "0.7.11", (), _same("checkpoint") | {"gemma-4": _GEMMA_280}, _AS_REFERENCE,
        "Pillow bicubic",
        "max_pixels=1003520 in the call; --processor-kwargs '{\"max_pixels\": 1003520}'; of its server --max-pixels "
        "1003520, or \"max_pixels\": 1003520 in the request",
        "drops alpha where the reference puts it over white; 3,136 to 1,003,520 px where the checkpoint names no "
        "limits, and always for resized_height and resized_width",
        "mlx_vlm/models/qwen3_vl/processing_qwen3_vl.py:231-366, 656-687 (all three families), server/cli.py:122, "
        "server/schemas.py:299-308",
        readings={
            "gemma-4": Reading(
                "0.7.10", _DOWN, "Pillow bicubic",
                "processor.image_processor.max_soft_tokens = 560",
                "takes any budget without a check; drops alpha, and max_soft_tokens of generate and --processor-kwargs",
                "mlx_vlm/models/gemma4/processing_gemma4.py:113-284",
            )
        },
    ),
    Runtime(
        "mlx-swift-lm", "below 3.31.4", "0", "3.31.4", (), _same("checkpoint"), _AWAY, "CIFilter bicubic",
        "UserInput.Processing(minPixels: 3136, maxPixels: 1003520)",
        _COREIMAGE, "mlx-swift-lm Libraries/MLXVLM/Models/Qwen25VL.swift before commit b95dc780",
    ),
    Runtime(
        "mlx-swift-lm", "3.31.4 and later", "3.31.4", None, (), _MLX_SWIFT,
        _AWAY, "CIFilter bicubic", "UserInput.Processing(minPixels: 3136, maxPixels: 1003520)", _COREIMAGE,
        "mlx-swift-lm Qwen25VL.swift:815, Qwen2VL.swift:818, Qwen3VL.swift:36-64",
        readings={"gemma-4": _MLX_SWIFT_GEMMA},
    ),
    Runtime(
        "mlx-swift-lm-chatsession", "commit 14414441 (2026-08-22)", None, None, ("14414441",), _MLX_SWIFT,
        _AWAY, "Core Image's, then CIFilter bicubic",
        "ChatSession(processing: .init(minPixels: 3136, maxPixels: 1003520)), which also leaves out the fit",
        "fits every image into 512x512 px first, small ones too: a 4K screen becomes 512x288; then mlx-swift-lm's. "
        + _COREIMAGE,
        "mlx-swift-lm Libraries/MLXLMCommon/ChatSession.swift:361, MLXVLM/MediaProcessing.swift:75, 282",
        fit=512, enlarges=True,
        readings={
            "gemma-4": replace(
                _MLX_SWIFT_GEMMA, override="ChatSession(processing: .init()) leaves out the fit",
                note="fits every image into 512x512 px first, then enlarges it to the budget: the detail is lost",
            )
        },
    ),
    Runtime(
        "rapid-mlx", "0.16.10", "0.16.10", "0.16.11", (),
        {
            name: (families.get(name).min_pixels, 8192 * families.get(name).factor ** 2) for name in _QWEN
        },
        _AS_REFERENCE, "Pillow bicubic", "--vision-max-pixels 1003520, --vision-prefill-token-budget 8192",
        "8,192 tokens are those of a whole request: its images share them, and are resized again if its text does not "
        "fit beside them; prepared by mlx-vlm 0.7.2",
        "rapid_mlx/mllm_batch_generator.py:3719-3782, cli.py:4991",
    ),
    Runtime(
        "vllm-mlx", "0.6.0", "0.6.0", "0.6.1", (), _same("checkpoint"), _AS_REFERENCE, "Pillow bicubic", "none found",
        "prepared by mlx-vlm", "vllm_mlx/multimodal_processor.py:95-165",
    ),
    Runtime(
        "vllm-metal", "0.3.0, commit 211a1e4b", "0.3.0", "0.3.1", ("211a1e4b",), {"qwen3-vl": "checkpoint"},
        _AS_REFERENCE, "as transformers", "--mm-processor-kwargs '{\"max_pixels\": 1003520}', as vLLM",
        "prepared by vLLM; runs no other family of these with images",
        "vllm_metal/multimodal/qwen3_vl/adapter.py:292, docs/supported_models.md",
    ),
    Runtime(
        "omlx", "commit 02e70681", None, None, ("02e70681",), _same("checkpoint"), _AS_REFERENCE,
        "Pillow Lanczos to the side limit, then Pillow bicubic", "max_image_side_length of the server; 0 is no limit",
        "shrinks an image whose longer side is above 2,048 px to it first (JPEGs in the decoder too); then prepared by "
        "mlx-vlm",
        "omlx/utils/image.py (DEFAULT_MAX_IMAGE_SIDE_LENGTH), omlx/engine/vlm.py", fit=2048,
    ),
    Runtime(
        "mlxcel", "commit 0a0803de", None, None, ("0a0803de",), _same("checkpoint") | {"gemma-4": _GEMMA_280}, _AWAY,
        "Lanczos3", "--image-min-tokens 4 --image-max-tokens 1280",
        "a side is at least one token; shrinks and enlarges the rounded size, not the image's; no ratio check; not "
        "Pillow's pixels",
        "mlxcel src/vision/processors/qwen2_vl.rs",
        readings={
            "gemma-4": Reading(
                "commit 08e09034", _DOWN, "Catmull-Rom", "max_soft_tokens of a request: 70, 140, 280, 560 or 1120",
                "a budget for the images of a request; not Pillow's pixels", "mlxcel src/vision/processors/gemma4.rs",
            )
        },
    ),
    Runtime(
        "mlx-serve", "commit 9a785b75", None, None, ("9a785b75",), _same("unknown"), _AS_REFERENCE, "Pillow bicubic",
        "min_pixels and max_pixels of the checkpoint",
        "runs Qwen3.5 alone of Qwen's: the checkpoint's limits, or 3,136 to 1,003,520 px, at 32x32 px a token, by the "
        "reference's arithmetic",
        "mlx-serve src/qwen_vision.zig, src/model.zig",
    ),
    Runtime(
        "ui-locator", "ui-locator-cli 0.1.3", "0.1.3", "0.1.4", (), {"qwen2.5-vl": (78400, 12845056)}, _AS_REFERENCE,
        "its server's", "none, it is written in the source",
        "runs no model: it maps answers as if the server had kept these limits; none while shrinking: a side can be 0",
        "ui_locator/coords.py",
    ),
    Runtime(
        "lmdeploy", "commit 1263d5cd", None, None, ("1263d5cd",), _same("checkpoint"), _AS_REFERENCE,
        "as transformers", "\"max_pixels\": 1003520 in the image's part of the message; mm_processor_kwargs", "",
        "lmdeploy/vl/model/qwen2.py, qwen3.py",
    ),
    Runtime(
        "qwen-vl-utils", "0.0.14", "0.0.14", "0.0.15", (), _tokens(4, 16384), _AS_REFERENCE, "Pillow bicubic",
        "\"max_pixels\": 1003520 in the image's part of the message",
        "max(factor, side) while rounding, none while shrinking: a side can be 0; the processor then resizes again "
        "unless do_resize=False; Qwen3-VL needs image_patch_size=16",
        "qwen-vl-utils/src/qwen_vl_utils/vision_process.py 0.0.14",
    ),
    Runtime(
        "lm-studio", "closed source, up to 2026-06", None, None, (), _same("unknown"), "unknown", "unknown",
        "\"Never exceed 2048 px\" in the application's settings",
        "shrinks by the long edge first (to 500 px, since 2025-10 to 1,024 px, then as set) and refuses more than "
        "5120x5120 px, so no token budget describes it",
        "lmstudio-bug-tracker issues 880, 941, 990, 2003", "issue",
    ),
    Runtime(
        "docker-model-runner", "any", None, None, (), _same("unknown"), "its backend's", "its backend's",
        "docker-agent's provider_opts.runtime_flags, handed to the runtime it runs",
        "runs llama.cpp or vLLM: say that one instead",
        "docker-agent pull request 103", "issue",
    ),
)  # fmt: skip


def names() -> tuple[str, ...]:
    """Return the names of the runtimes in the survey, in its order."""
    return tuple(dict.fromkeys(record.name for record in _RECORDS))


def records() -> tuple[Runtime, ...]:
    """Return all records, one per runtime and range of versions, oldest range first."""
    return _RECORDS


def get(runtime: str, family: str | Family = "qwen2.5-vl") -> Limits:
    """Return the limits of a runtime for a family.

    Args:
        runtime: name and version such as "ollama@0.13.3"; "ollama" alone is the newest known version.
        family: name of the family, or a `Family`; default "qwen2.5-vl".

    Raises:
        InputError: the runtime, its version, or its limits for this family are unknown.
    """
    family = families.get(family)
    record = _record(runtime)
    limits = record.limits.get(family.name, "unknown")
    if limits == "checkpoint":
        return Limits(record.name, record.versions, family.min_pixels, family.max_pixels, True, record.fit)
    if isinstance(limits, str):
        why = f" ({record.note})" if record.note and set(record.limits.values()) == {"unknown"} else ""
        raise InputError(
            f"the limits of {runtime if len(runtime) <= 80 else record.name} for {family.name} are not known{why}. "
            'Give the budget in tokens, or in pixels as "1003520px"'
        )
    return Limits(record.name, record.versions, limits[0], limits[1], False, record.fit)


def survey(size: tuple[int, int], family: str | Family = "qwen2.5-vl") -> list[SurveyRow]:
    """List the size and tokens of an image under each runtime's limits, by the reference's arithmetic.

    Args:
        size: (width, height) in pixels.
        family: name of the family, or a `Family`; default "qwen2.5-vl".

    Returns:
        One row per runtime and range of versions whose source was read for the family; rows with unknown limits say so.

    Raises:
        InputError: the family is unknown, the size is malformed, or the ratio of its sides is over 200.
    """
    family = families.get(family)
    width, height = _sides(size)
    return [_row(record, family, width, height) for record in _RECORDS if family.name in record.limits]


def row(runtime: str, size: tuple[int, int], family: str | Family = "qwen2.5-vl") -> SurveyRow:
    """Return the size and tokens of an image under the limits of one runtime, as `survey`.

    Args:
        runtime: name and version, as in `get`.
        size: (width, height) in pixels.
        family: name of the family, or a `Family`; default "qwen2.5-vl".

    Raises:
        InputError: as `get` and `survey`.
    """
    family = families.get(family)
    get(runtime, family)
    return _row(_record(runtime), family, *_sides(size))


def _sides(size: Any) -> tuple[int, int]:
    try:
        width, height = map(validation.integer, size)
    except (TypeError, ValueError):
        width = height = None
    if width is None or height is None or min(width, height) < 1 or max(width, height) >= 2**63:
        raise InputError(f"size: expected (width, height) in pixels, two integers of at least 1; got {brief(size)}")
    return width, height


def _row(record: Runtime, family: Family, width: int, height: int) -> SurveyRow:
    limits = record.limits[family.name]
    if limits == "checkpoint":
        limits = (family.min_pixels, family.max_pixels)
    words = record.readings.get(family.name, record)
    override = _setting(words.override, family)
    common = (words.rounding, words.filter, override, words.note, words.source, record.confidence)
    if isinstance(limits, str):
        return SurveyRow(record.name, words.versions, None, None, None, None, None, None, *common)
    least, most = limits
    area = family.factor**2
    wide, high = _resized(record.fitted(width, height), family, least, most)
    counted = (-(-least // area), most // area, least, most, (wide, high), wide * high // area)
    return SurveyRow(record.name, words.versions, *counted, *common)


def _resized(size: tuple[int, int], family: Family, least: int, most: int) -> tuple[int, int]:
    """Return the resized (width, height), which may exceed the limits as the reference's does."""
    if family.budgets:
        return gemma4.resized_size(size, family, most // family.factor**2)
    high, wide = _core.smart_resize(size[1], size[0], family.factor, least, most)
    return wide, high


def setting(runtime: str, tokens: int, family: str | Family = "qwen2.5-vl") -> str:
    """Return the setting with which a runtime takes at most so many tokens of an image, in the words of its options.

    Args:
        runtime: as `get`.
        tokens: maximum visual tokens, at least 1.
        family: name of one of Qwen's families, or a `Family`; default "qwen2.5-vl".

    Returns:
        The words of the survey with the tokens' pixels; a runtime without such a setting has words that say so.

    Raises:
        InputError: the runtime or version is unknown, its source was not read for the family, or the number is none.
    """
    family = families.get(family)
    record = _record(runtime)
    tokens = validation.at_least(1, tokens, "tokens")
    if family.name not in record.limits:
        known = [one for one in names() if family.name in _record(one).limits]
        raise InputError(
            f"{record.name}: its source was not read for {family.name}. Name another runtime: {', '.join(known)}"
        )
    return _setting(record.readings.get(family.name, record).override, family, tokens)


def _setting(override: str, family: Family, tokens: int = 1280) -> str:
    """Rewrite the numbers of a record's setting, 1,280 tokens of Qwen2.5-VL, for other tokens of Qwen's families."""
    own = {"1003520": tokens * family.factor**2, "3136": family.min_pixels, "1280": tokens}
    return re.sub("|".join(rf"\b{name}\b" for name in own), lambda match: str(own[match[0]]), override)


def _record(runtime: str) -> Runtime:
    if not isinstance(runtime, str):
        raise InputError(f"runtime: expected text such as 'ollama@0.13.3'; got {brief(runtime)}")
    name, at, version = runtime.strip().lower().partition("@")
    versions = [record for record in _RECORDS if record.name == name]
    if not versions:
        raise InputError(f"unknown runtime {brief(runtime)}. Known: {', '.join(names())}")
    if not at:
        return versions[-1]
    for record in versions:
        if version in record.labels or _covers(record, version):
            return record
    known = ", ".join(record.versions for record in versions)
    raise InputError(f"{name} at version {brief(version)} is not known. Known: {known} ({name!r} alone is the newest)")


_VERSION = re.compile(r"v?(\d{1,9}(?:[.-]\d{1,9})*)(?:[.-]?(a|b|rc|dev|alpha|beta|pre)[.-]?\d*)?")


def _key(version: str) -> tuple[tuple[int, ...], int] | None:
    """Return a sort key of a version: numbers without trailing zeros, then a release after its previews."""
    match = _VERSION.fullmatch(version)
    if match is None:
        return None
    numbers = [int(part) for part in re.split(r"[.-]", match[1])]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers), 0 if match[2] else 1


def _covers(record: Runtime, version: str) -> bool:
    key = _key(version)
    if key is None or record.first is None:
        return False
    first, below = _key(record.first), _key(record.below) if record.below is not None else None
    return first is not None and first <= key and (below is None or key < below)
