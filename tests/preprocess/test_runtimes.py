"""The survey of runtimes: versions, limits, and what each makes of an image."""

from __future__ import annotations

import itertools
import math

import pytest

import mlx_saccade as saccade
from mlx_saccade import families
from mlx_saccade.errors import InputError
from mlx_saccade.preprocess import runtimes


@pytest.mark.parametrize(
    ("runtime", "family", "tokens"),
    [
        ("transformers", "qwen2.5-vl", (4, 16384)),
        ("transformers@5.23.0", "qwen3-vl", (64, 16384)),
        ("transformers@5.24.0", "qwen3-vl", (64, 16384)),
        ("transformers", "gemma-4", (1, 280)),
        ("vllm@01bae219", "gemma-4", (1, 280)),
        ("mlx-vlm@0.7.10", "gemma-4", (1, 280)),
        ("mlx-swift-lm", "gemma-4", (1, 280)),
        ("mlxcel", "gemma-4", (1, 280)),
        ("mlx-swift-lm-chatsession", "qwen3-vl", (64, 1280)),
        ("rapid-mlx@0.16.10", "qwen2.5-vl", (4, 8192)),
        ("rapid-mlx", "qwen3-vl", (64, 8192)),
        ("vllm-mlx", "qwen3-vl", (64, 16384)),
        ("vllm-metal@0.3.0", "qwen3-vl", (64, 16384)),
        ("omlx", "qwen2-vl", (4, 16384)),
        ("mlxcel", "qwen3-vl", (64, 16384)),
        ("ui-locator", "qwen2.5-vl", (100, 16384)),
        ("vllm", "qwen2-vl", (4, 16384)),
        ("sglang@2025-11", "qwen2.5-vl", (4, 16384)),
        ("sglang@2025-11", "qwen3-vl", (64, 12544)),
        ("sglang", "qwen3-vl", (64, 16384)),
        ("tensorrt-llm", "qwen2.5-vl", (4, 16384)),
        ("llama.cpp", "qwen2.5-vl", (8, 4096)),
        ("llama.cpp@b10488", "qwen3-vl", (8, 4096)),
        ("ollama@0.7.0", "qwen2.5-vl", (4, 1280)),
        ("ollama@0.12.7", "qwen3-vl", (64, 2048)),
        ("ollama@0.13.3", "qwen2.5-vl", (4, 1280)),
        ("ollama@v0.13.4", "qwen2.5-vl", (4, 2674)),
        ("ollama@0.29.9", "qwen2.5-vl", (4, 2674)),
        ("ollama@0.30.0", "qwen2.5-vl", (1024, 4096)),
        ("ollama@0.30", "qwen3-vl", (1024, 4096)),
        ("Ollama", "qwen2-vl", (1024, 4096)),
        ("mlx-vlm@0.6.15", "qwen2.5-vl", (4, 16384)),
        ("mlx-vlm@0.7.10", "qwen2.5-vl", (4, 16384)),
        ("mlx-vlm", "qwen3-vl", (64, 16384)),
        ("mlx-swift-lm", "qwen2.5-vl", (4, 1280)),
        ("mlx-swift-lm@3.31.4", "qwen3-vl", (64, 1280)),
        ("mlx-swift-lm@3.31.3", "qwen2.5-vl", (4, 16384)),
        ("lmdeploy", "qwen3-vl", (64, 16384)),
        ("qwen-vl-utils@0.0.14", "qwen3-vl", (4, 16384)),
    ],
)
def test_limits_of_the_survey(runtime: str, family: str, tokens: tuple[int, int]) -> None:
    limits = runtimes.get(runtime, family)
    area = families.get(family).factor ** 2
    assert (-(-limits.min_pixels // area), limits.max_pixels // area) == tokens


CHECKPOINT = ((4, 16384), (64, 16384))
# Name, versions, the default limits in tokens of Qwen2.5-VL and of Qwen3-VL (None: not known), and words of the setting
# that changes them: copied from what was read of each runtime, not from the survey.
TABLE = [
    ("transformers", "5.23.0 and 5.24.0", *CHECKPOINT, "longest_edge"),
    ("vllm", "002d181a", *CHECKPOINT, "--mm-processor-kwargs"),
    ("sglang", "2025-11 (commit 02065f00)", (4, 16384), (64, 12544), "SGLANG_IMAGE_MAX_PIXELS"),
    ("sglang", "mid-2026", *CHECKPOINT, "--mm-process-config"),
    ("tensorrt-llm", "000a01de", *CHECKPOINT, "mm_processor_kwargs"),
    ("llama.cpp", "since 2025-11-05", (8, 4096), (8, 4096), "--image-max-tokens"),
    ("ollama", "0.7.0 to 0.12.6", (4, 1280), None, "none"),
    ("ollama", "0.12.7 to 0.13.3", (4, 1280), (64, 2048), "none"),
    ("ollama", "0.13.4 to below 0.30.0", (4, 2674), (64, 2048), "none"),
    ("ollama", "0.30.0 and later", (1024, 4096), (1024, 4096), "none found"),
    ("ollama-mlx", "fb307609", None, None, "unknown"),
    ("mlx-vlm", "0.6.15", *CHECKPOINT, "--processor-kwargs"),
    ("mlx-vlm", "0.7.10", *CHECKPOINT, "--max-pixels"),
    ("mlx-swift-lm", "below 3.31.4", *CHECKPOINT, "UserInput.Processing(minPixels:"),
    ("mlx-swift-lm", "3.31.4 and later", (4, 1280), (64, 1280), "UserInput.Processing(minPixels:"),
    ("mlx-swift-lm-chatsession", "14414441", (4, 1280), (64, 1280), "ChatSession(processing:"),
    ("rapid-mlx", "0.16.10", (4, 8192), (64, 8192), "--vision-max-pixels"),
    ("vllm-mlx", "0.6.0", *CHECKPOINT, "none found"),
    ("vllm-metal", "0.3.0", "no row", CHECKPOINT[1], "--mm-processor-kwargs"),
    ("omlx", "02e70681", *CHECKPOINT, "max_image_side_length"),
    ("mlxcel", "0a0803de", *CHECKPOINT, "--image-max-tokens"),
    ("mlx-serve", "9a785b75", None, None, "of the checkpoint"),
    ("ui-locator", "0.1.3", (100, 16384), "no row", "none"),
    ("lmdeploy", "1263d5cd", *CHECKPOINT, "mm_processor_kwargs"),
    ("qwen-vl-utils", "0.0.14", (4, 16384), (4, 16384), "max_pixels"),
    ("lm-studio", "2026-06", None, None, "Never exceed 2048 px"),
    ("docker-model-runner", "any", None, None, "provider_opts.runtime_flags"),
]


def test_the_survey_is_the_table() -> None:
    rows = [runtimes.survey((3840, 2160), family) for family in ("qwen2.5-vl", "qwen3-vl")]
    for place, own in enumerate(rows):
        assert [row.runtime for row in own] == [entry[0] for entry in TABLE if entry[2 + place] != "no row"]
    for name, versions, *limits, setting in TABLE:
        found = [[row for row in own if row.runtime == name and versions in row.versions] for own in rows]
        assert [len(own) for own in found] == [int(one != "no row") for one in limits], (name, versions)
        for (row,), expected in ((own, one) for own, one in zip(found, limits, strict=True) if own):
            tokens = None if row.min_tokens is None else (row.min_tokens, row.max_tokens)
            assert tokens == expected, (name, versions)
            assert setting in row.override, (name, versions)


def test_a_family_has_the_rows_whose_sources_were_read_for_it() -> None:
    rows = {row.runtime: row for row in runtimes.survey((3840, 2160), "gemma-4")}
    assert list(rows) == ["transformers", "vllm", "mlx-vlm", "mlx-swift-lm", "mlx-swift-lm-chatsession", "mlxcel"]
    for row in rows.values():
        assert (row.max_tokens, row.resized_size, row.tokens) == (280, (1056, 576), 264)
        assert "emma4" in row.source or "ChatSession" in row.source
        assert not any(word in row.override + row.note for word in ("1003520", "Qwen", "min_pixels"))
    with pytest.raises(InputError, match=r"the limits of llama\.cpp for gemma-4 are not known"):
        runtimes.get("llama.cpp", "gemma-4")
    with pytest.raises(InputError, match=r"the limits of vllm-metal for qwen2\.5-vl are not known"):
        runtimes.get("vllm-metal", "qwen2.5-vl")


def test_the_transformers_row_says_which_back_end() -> None:
    for family in families.names():
        row = runtimes.survey((3840, 2160), family)[0]
        assert "torchvision's bicubic where torchvision is installed, else Pillow's" in row.filter


def test_an_image_is_fitted_into_a_square_first_where_the_runtime_does_that() -> None:
    def rows(size: tuple[int, int]) -> dict[str, runtimes.SurveyRow]:
        return {row.runtime: row for row in runtimes.survey(size)}

    large, small = rows((3840, 2160)), rows((100, 50))
    assert large["mlx-swift-lm-chatsession"].resized_size == (504, 280)  # of 512x288
    assert large["omlx"].resized_size == (2044, 1148)  # of 2048x1152
    assert small["mlx-swift-lm-chatsession"].resized_size == (504, 252)  # of 512x256
    assert small["omlx"].resized_size == small["transformers"].resized_size


def test_a_plan_by_the_limits_of_such_a_runtime_says_what_it_leaves_out() -> None:
    plan = saccade.plan((3840, 2160), budget="mlx-swift-lm-chatsession")
    assert plan.tokens == 1222
    assert plan.notes == (
        "mlx-swift-lm-chatsession first fits an image into 512 x 512 pixels; this plan has its limits alone",
    )
    assert saccade.plan((3840, 2160), budget="mlx-vlm").notes == ()


def test_what_is_second_hand_or_of_another_family_is_in_the_note() -> None:
    notes = {record.name: record.note for record in runtimes.records()}
    assert "clip.vision.image_min_pixels" in notes["llama.cpp"]
    assert "second-hand" in notes["llama.cpp"]
    with pytest.raises(InputError, match=r"ollama-mlx@fb307609 .* not known \(runs Qwen3\.5 alone: 64 to 16,384"):
        runtimes.get("ollama-mlx@fb307609", "qwen3-vl")


@pytest.mark.parametrize(
    ("version", "maximum"),
    [
        ("0.7", 1003520),
        ("0.7.0.0", 1003520),
        ("0.9.10", 1003520),
        ("0.10.0", 1003520),
        ("0.13.4-rc1", 1003520),
        ("0.13.4", 2097152),
        ("0.13.10", 2097152),
        ("0.30.0-rc2", 2097152),
        ("0.30.0", 3211264),
        ("0.100.1", 3211264),
        ("1.0", 3211264),
    ],
)
def test_versions_are_ordered_as_numbers(version: str, maximum: int) -> None:
    assert runtimes.get(f"ollama@{version}").max_pixels == maximum


def test_pixel_limits_stay_what_the_runtime_wrote() -> None:
    assert runtimes.get("ollama@0.13.4").max_pixels == 2 << 20
    assert runtimes.get("ollama@0.13.3").max_pixels == 28 * 28 * 1280
    assert runtimes.get("sglang@2025-11", "qwen3-vl").max_pixels == 12_845_056
    assert runtimes.get("transformers").from_checkpoint
    assert not runtimes.get("ollama").from_checkpoint


@pytest.mark.parametrize(
    ("runtime", "message"),
    [
        ("olama", "unknown runtime 'olama'. Known: transformers, vllm, sglang"),
        ("", "unknown runtime ''. Known"),
        ("@1.0", "unknown runtime '@1.0'"),
        ("ollama@0.6.9", "ollama at version '0.6.9' is not known. Known: 0.7.0 to 0.12.6, 0.12.7 to 0.13.3"),
        ("ollama@", "ollama at version '' is not known"),
        ("ollama@newest", "is not known"),
        ("ollama@0.7.0@1", "is not known"),
        ("ollama@0..7", "is not known"),
        ("transformers@4.57.0", "Known: 5.23.0"),
        ("transformers@5.25.0", "Known: 5.23.0 and 5.24.0"),
        ("vllm@0.11.0", "Known: commit 002d181a"),
        ("sglang@0.5.0", "Known: 2025-11"),
        ("mlx-vlm@0.7.9", "Known: 0.6.15, 0.7.10"),
        ("mlx-vlm@0.7.11", "Known: 0.6.15, 0.7.10"),
        ("qwen-vl-utils@0.0.8", "Known: 0.0.14"),
        ("lm-studio", "not known .*so no token budget describes it"),
        ("docker-model-runner", "runs llama.cpp or vLLM: say that one instead"),
        (None, "runtime: expected text"),
    ],
)
def test_what_is_not_known_is_named(runtime: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        runtimes.get(runtime)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("runtime", "family"), [("ollama@0.12.6", "qwen3-vl"), ("ollama@0.13.3", "qwen2-vl")])
def test_limits_unknown_for_one_family(runtime: str, family: str) -> None:
    with pytest.raises(InputError, match=f"the limits of {runtime} for {family} are not known"):
        runtimes.get(runtime, family)


def test_survey_of_a_4k_screen() -> None:
    rows = {(row.runtime, row.versions): row for row in runtimes.survey((3840, 2160))}
    assert len(rows) == len(runtimes.records()) - 1  # vllm-metal
    assert rows["transformers", "5.23.0 and 5.24.0"].resized_size == (3836, 2156)
    assert rows["transformers", "5.23.0 and 5.24.0"].tokens == 10549
    assert rows["ollama", "0.12.7 to 0.13.3"].tokens == 1222
    assert rows["ollama", "0.13.4 to below 0.30.0"].tokens == 2584
    assert rows["ollama", "0.30.0 and later"].resized_size == (2380, 1344)
    assert rows["mlx-vlm", "0.7.10"].tokens == 10549
    assert "--max-pixels 1003520" in rows["mlx-vlm", "0.7.10"].override
    assert rows["mlx-swift-lm", "3.31.4 and later"].tokens == 1222
    closed = rows["lm-studio", "closed source, up to 2026-06"]
    assert (closed.tokens, closed.max_tokens, closed.resized_size) == (None, None, None)
    assert closed.note


def test_survey_of_a_small_image_shows_who_enlarges_it() -> None:
    rows = {row.versions: row.tokens for row in runtimes.survey((400, 300)) if row.runtime == "ollama"}
    assert rows["0.12.7 to 0.13.3"] == 154
    assert rows["0.30.0 and later"] >= 1024


def test_row_of_one_runtime_is_that_of_the_survey() -> None:
    for family in ("qwen2.5-vl", "qwen3-vl"):
        rows = {(row.runtime, row.versions): row for row in runtimes.survey((3840, 2160), family)}
        for name in ("ollama@0.13.3", "llama.cpp", "omlx", "mlx-swift-lm-chatsession"):
            row = runtimes.row(name, (3840, 2160), family)
            assert rows[row.runtime, row.versions] == row and row.resized_size is not None
    with pytest.raises(InputError, match="limits of lm-studio"):
        runtimes.row("lm-studio", (3840, 2160))


def test_survey_of_another_family() -> None:
    rows = {(row.runtime, row.versions): row for row in runtimes.survey((5120, 2880), family="qwen3-vl")}
    assert rows["transformers", "5.23.0 and 5.24.0"].tokens == 14400
    assert rows["ollama", "0.12.7 to 0.13.3"].tokens == 1980
    assert rows["ollama", "0.7.0 to 0.12.6"].tokens is None


def test_every_record_says_where_it_was_read_and_ranges_do_not_overlap() -> None:
    for name in runtimes.names():
        ranges = [record for record in runtimes.records() if record.name == name]
        for record in ranges:
            assert record.source
            assert record.confidence in ("source", "issue")
            assert set(record.limits) <= set(families.names())
            assert all(
                limits in ("checkpoint", "unknown") or limits[0] < limits[1] for limits in record.limits.values()
            )
        for earlier, later in itertools.pairwise(ranges):
            assert runtimes.get(f"{name}@{later.first}").versions == later.versions
            assert runtimes.get(f"{name}@{earlier.first}").versions == earlier.versions


def test_words_of_a_family_belong_to_a_family_of_the_record() -> None:
    for record in runtimes.records():
        assert set(record.readings) == set(record.limits) & {"gemma-4"}


@pytest.mark.parametrize(
    "size", [(0, 5), (5, -1), (1.5, 3), (1,), (1, 2, 3), None, 5, "3840x2160", (math.nan, 1), (2**63, 2**63)]
)
def test_a_survey_of_what_is_no_size(size: object) -> None:
    with pytest.raises(InputError, match=r"^size: expected \(width, height\) in pixels, two integers of at least 1"):
        runtimes.survey(size)  # type: ignore[arg-type]


def test_a_survey_of_nonsense() -> None:
    with pytest.raises(InputError, match="unknown family"):
        runtimes.survey((10, 10), family="gemma")
    with pytest.raises(InputError, match="got 1000x1, a ratio of 1000"):
        runtimes.survey((1000, 1))


@pytest.mark.parametrize("family", ["qwen2-vl", "qwen2.5-vl", "qwen3-vl"])
def test_a_setting_in_pixels_is_that_of_1280_tokens_of_the_family(family: str) -> None:
    known = families.get(family)
    most, least = str(1280 * known.factor**2), str(known.min_pixels)
    rows = {row.runtime: row.override for row in runtimes.survey((3840, 2160), family)}
    assert rows["mlx-vlm"].count(most) == 4
    assert f'size={{"shortest_edge": {least}, "longest_edge": {most}}}' in rows["transformers"]
    assert f"minPixels: {least}, maxPixels: {most}" in rows["mlx-swift-lm"]
    assert f'"max_pixels": {most}' in rows["tensorrt-llm"]


@pytest.mark.parametrize(
    ("runtime", "family", "tokens", "words"),
    [
        ("vllm", "qwen2.5-vl", 4096, "--mm-processor-kwargs '{\"max_pixels\": 3211264}'"),
        ("vllm", "qwen3-vl", 4096, "--mm-processor-kwargs '{\"max_pixels\": 4194304}'"),
        ("llama.cpp", "qwen2.5-vl", 600, "--image-max-tokens 600 (and --image-min-tokens)"),
        ("mlx-vlm@0.7.10", "qwen2-vl", 256, "its server --max-pixels 200704"),
        ("transformers", "qwen3-vl", 1280, 'size={"shortest_edge": 65536, "longest_edge": 1310720}'),
        ("ollama@0.13.3", "qwen2.5-vl", 4096, "none, it is written in the source"),
    ],
)
def test_setting_of_a_budget(runtime: str, family: str, tokens: int, words: str) -> None:
    assert words in runtimes.setting(runtime, tokens, family)


def test_setting_of_nonsense() -> None:
    with pytest.raises(InputError, match="unknown runtime 'vlm'"):
        runtimes.setting("vlm", 1280)
    with pytest.raises(
        InputError, match=r"vllm-metal: its source was not read for qwen2\.5-vl\. Name another runtime: "
    ):
        runtimes.setting("vllm-metal", 1280)
    with pytest.raises(InputError, match="tokens: expected a whole number of at least 1; got 0"):
        runtimes.setting("vllm", 0)
