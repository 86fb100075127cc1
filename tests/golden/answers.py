"""Writes `answers.json`: what models write about images, and what it means in the source's pixels.

    python tests/golden/answers.py

The rows say the meaning in the model's own numbers; this script scales them by the rule of their frame and nothing
else of the package is used, so that the table stays an independent check of every reader of answers.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent

# Source size and what 1,280 tokens of each factor make of it.
SCREEN, PHONE, MAC, FOUR_K, SMALL = (1920, 1080), (720, 1600), (3024, 1964), (3840, 2160), (300, 280)
RESIZED = {
    (SCREEN, 28): (1316, 728), (PHONE, 28): (672, 1484), (MAC, 28): (1232, 784), (FOUR_K, 28): (1316, 728),
    (SMALL, 28): (308, 280), (SCREEN, 32): (1504, 832), (PHONE, 32): (704, 1600), (MAC, 32): (1408, 896),
    (FOUR_K, 32): (1504, 832),
}  # fmt: skip
FAMILIES = {"qwen2-vl": (28, "thousandths"), "qwen2.5-vl": (28, "absolute"), "qwen3-vl": (32, "thousandths")}
QWEN2, QWEN25, QWEN3 = FAMILIES

Row = dict[str, Any]
ROWS: list[Row] = []


def row(
    form: str,
    text: str,
    *,
    boxes: list[Any] = (),  # type: ignore[assignment]
    points: list[Any] = (),  # type: ignore[assignment]
    actions: list[Any] = (),  # type: ignore[assignment]
    click: Any = "first",
    rejected: int = 0,
    family: str = QWEN25,
    size: tuple[int, int] = SCREEN,
    convention: str = "auto",
    frame: str | None = None,
) -> None:
    """Add a row; boxes and points are (numbers, label), actions (name, points, boxes, arguments)."""
    factor, own = FAMILIES[family]
    resized = RESIZED[size, factor]
    frame = frame or (own if convention == "auto" else convention)
    whole = {"absolute": resized, "thousandths": (1000, 1000), "fractions": (1, 1)}[frame]

    def scaled(numbers: Any) -> list[float]:
        return [
            round(min(max(number * size[i % 2] / whole[i % 2], 0), size[i % 2]), 6) for i, number in enumerate(numbers)
        ]

    spots = {
        "boxes": [{"xyxy": scaled(numbers), "label": label} for numbers, label in boxes],
        "points": [{"xy": scaled(numbers), "label": label} for numbers, label in points],
        "actions": [
            {"name": name, "points": [scaled(one) for one in where], "boxes": [scaled(one) for one in areas],
             "arguments": arguments}
            for name, where, areas, arguments in actions
        ],
    }  # fmt: skip
    ROWS.append(
        {
            "form": form,
            "text": text,
            "family": family,
            "source_size": list(size),
            "resized_size": list(resized),
            "convention": convention,
            **spots,
            "click": _click(spots) if click == "first" else click and scaled(click),
            "rejected": rejected,
        }
    )


def _click(spots: dict[str, Any]) -> list[float] | None:
    def middle(box: list[float]) -> list[float]:
        return [round((box[0] + box[2]) / 2, 6), round((box[1] + box[3]) / 2, 6)]

    for action in spots["actions"]:
        if action["points"] or action["boxes"]:
            return action["points"][0] if action["points"] else middle(action["boxes"][0])
    if spots["points"]:
        return spots["points"][0]["xy"]
    return middle(spots["boxes"][0]["xyxy"]) if spots["boxes"] else None


A, B, C = (100, 200, 300, 400), (500, 600, 700, 720), (10, 20, 30, 40)
P, Q, R = (100, 200), (300, 400), (500, 600)
ONE = '{"bbox_2d": [100, 200, 300, 400], "label": "Save"}'
TWO = '{"bbox_2d": [500, 600, 700, 720], "label": "Open"}'
SAVE, OPEN = (A, "Save"), (B, "Open")


def json_boxes() -> None:
    form = "JSON boxes"
    row(form, f"[{ONE}]", boxes=[SAVE])
    row(form, f"```json\n[\n\t{ONE},\n\t{TWO}\n]\n```", boxes=[SAVE, OPEN])
    row(form, ONE, boxes=[SAVE], family=QWEN2)
    row(form, f"Here it is:\n```json\n[{ONE}]\n```\nAnything else?", boxes=[SAVE], family=QWEN3)
    row(form, f"[{ONE}, {TWO}]", boxes=[SAVE, OPEN], size=FOUR_K)
    row(form, f"[{ONE}]", boxes=[SAVE], size=MAC)
    row(form, "[]")
    row(form, "There is no such element on this screen.")
    row(form, '{"bbox_2d": [300, 400, 100, 200], "label": "Save"}', boxes=[SAVE])
    row(
        form,
        '[{"bbox_2d": [100.5, 200.25, 300.0, 400.75], "label": "Save"}]',
        boxes=[((100.5, 200.25, 300, 400.75), "Save")],
    )
    row(form, '{"bounding_box": [100, 200, 300, 400], "label": "Save"}', boxes=[SAVE])
    row(form, '{"elements": [{"box": [100, 200, 300, 400], "label": "Save"}], "count": 1}', boxes=[SAVE])

    form = "near-JSON"
    row(form, '[{"bbox_2d": [100, 200, 300, 400,], "label": "Save",},]', boxes=[SAVE])
    row(form, '[{"bbox_2d": ["100", "200", "300", "400"], "label": "Save"}]', boxes=[SAVE])
    row(form, '[{"bbox_2d": "100, 200, 300, 400", "label": "Save"}]', boxes=[SAVE])
    row(form, '[{"bbox_2d": "[100, 200, 300, 400]", "label": "Save"}]', boxes=[SAVE])
    row(form, "[{'bbox_2d': [100, 200, 300, 400], 'label': 'Save'}]", boxes=[SAVE])
    row(form, "{bbox_2d: [100, 200, 300, 400], label: Save}", boxes=[SAVE])
    row(form, '{"bbox_2d": [100, 200, 300, 400] "label": "Save"}', boxes=[SAVE])
    row(form, f"[{ONE}][{TWO}]", boxes=[SAVE, OPEN])
    row(form, f"[{ONE}]]]}}", boxes=[SAVE])
    row(form, '{"bbox_2d": [100, 200, 300, 400], "label": "the "Save" button"}', boxes=[(A, 'the "Save" button')])
    row(form, '{"bbox_2d"：[100，200，300，400]，"label"："保存"}', boxes=[(A, "保存")])
    row(form, '```json\n{"bbox_2d": [[100, 200], [300, 400]], "label": "Save"}', boxes=[SAVE])
    row(form, "bbox_2d: [100, 200, 300, 400]\nlabel: Save", boxes=[SAVE])

    form = "cut off"
    row(form, f'[{ONE}, {{"bbox_2d": [500, 600, 7', boxes=[SAVE])
    row(form, f'[{ONE}, {{"bbox_2d": [500, 600, 700, 720], "lab', boxes=[SAVE, (B, "")])
    row(form, '[{"bbox_2d": [100, 200, 300, 400], "label": "the Save but', boxes=[(A, "the Save but")])
    row(form, '[{"bbox_2d": [100, 200, 300, 400')
    row(form, '<tool_call>\n{"name": "computer_use", "arguments": {"action": "left_click", "coordinate": [100, 20')

    row(form, "pyautogui.click(x=100, y=20")
    row(form, "Action: click(start_box='(100,20")
    row(form, "<bbox>100 200 300 40")
    row(form, "<ref>Save</ref><box>(100,200),")
    row(form, "Action: drag(start_point='<point>100 200</point>', end_point='<point>300")
    row(form, "Action: click(point='<point>100 200</point>")
    row(form, "<|object_ref_start|>Save<|object_ref_end|><|box_start|>(100,200)", family=QWEN2)

    form = "a score"
    row(form, '[{"bbox_2d": [100, 200, 300, 400, 0.98], "label": "Save"}]', boxes=[SAVE])
    row(form, '[{"bbox_2d": [100, 200, 300, 400], "score": 0.5, "label": "Save"}]', boxes=[SAVE])
    row(form, '{"bbox_2d": [100, 200, 300, 400, 500], "label": "Save"}', rejected=1)

    form = "several under one key"
    row(
        form,
        '[{"bbox_2d": [[100, 200, 300, 400], [500, 600, 700, 720]], "label": "box"}]',
        boxes=[(A, "box"), (B, "box")],
    )
    row(form, '{"bboxes": [[100, 200, 300, 400], [500, 600, 700, 720]]}', boxes=[(A, ""), (B, "")])
    row(form, '{"boxes": [[100, 200, 300, 400, 0.9], [500, 600, 700, 720, 0.8]]}', boxes=[(A, ""), (B, "")])
    row(form, '{"boxes": [{"x1": 100, "y1": 200, "x2": 300, "y2": 400}], "label": "Save"}', boxes=[SAVE])
    row(
        form,
        '{"bbox_2d_1": [100, 200, 300, 400], "bbox_2d_2": [10, 20, 30, 40], "label": "x"}',
        boxes=[(A, "x"), (C, "x")],
    )
    row(form, '{"bbox_2d": [100, 200, 300, 400], [10, 20, 30, 40], "label": "x"}', boxes=[(A, "x"), (C, "x")])
    row(form, '{"bbox_2d": [100, 200, 300, 400], "bbox_2d": [10, 20, 30, 40]}', boxes=[(A, ""), (C, "")])

    form = "named sides"
    for keys in (
        "x1 y1 x2 y2",
        "left top right bottom",
        "xmin ymin xmax ymax",
        "x_min y_min x_max y_max",
        "x0 y0 x1 y1",
    ):
        members = ", ".join(f'"{key}": {number}' for key, number in zip(keys.split(), A, strict=True))
        row(form, f'{{"label": "Save", {members}}}', boxes=[SAVE])
    row(form, '{"bbox": {"x1": 100, "y1": 200, "x2": 300, "y2": 400}, "label": "Save"}', boxes=[SAVE])
    row(form, '{"x": 100, "y": 200, "width": 200, "height": 200, "label": "Save"}', boxes=[SAVE])
    row(form, '{"bbox": {"x": 100, "y": 200, "w": 200, "h": 200}, "label": "Save"}', boxes=[SAVE])
    row(form, '{"left": 100, "top": 200, "width": 200, "height": 200, "label": "Save"}', boxes=[SAVE])
    row(form, '{"cx": 200, "cy": 300, "w": 200, "h": 200, "label": "Save"}', boxes=[SAVE])
    row(form, '{"top_left": [100, 200], "bottom_right": [300, 400], "name": "Save"}', boxes=[SAVE])
    row(form, '{"Bounding Box": {"Left": 100, "Top": 200, "Right": 300, "Bottom": 400}, "Label": "Save"}', boxes=[SAVE])
    row(form, "BBox(x1=100, y1=200, x2=300, y2=400)", boxes=[(A, "")])

    form = "polygons"
    row(form, '{"polygon": [[100, 200], [300, 200], [300, 400], [100, 400]], "label": "sign"}', boxes=[(A, "sign")])
    row(form, '{"bbox_2d": [100, 200, 300, 210, 290, 400, 110, 390], "label": "sign"}', boxes=[(A, "sign")])
    row(form, '{"quad": [100, 200, 300, 210, 290, 400, 110, 390], "text": "STOP"}', boxes=[(A, "STOP")])
    row(form, "<|quad_start|>(100,200),(300,210),(290,400),(110,390)<|quad_end|>", boxes=[(A, "")], family=QWEN2)
    row(form, "<ref>sign</ref><quad>(100,200),(300,210),(290,400),(110,390)</quad>", boxes=[(A, "sign")], family=QWEN2)


def labels() -> None:
    form = "labels"
    for key in ("label", "text_content", "text", "name", "ref", "element", "caption", "description"):
        row(form, f'[{{"bbox_2d": [100, 200, 300, 400], "{key}": "Total 12.50"}}]', boxes=[(A, "Total 12.50")])
    row(
        form,
        '[{"text": "Total", "bbox_2d": [100, 200, 300, 400]}, {"text": "Tax", "bbox_2d": [10, 20, 30, 40]}]',
        boxes=[(A, "Total"), (C, "Tax")],
    )
    row(
        form,
        '[{"bbox_2d": [100, 200, 300, 400]}, {"label": "b", "bbox_2d": [10, 20, 30, 40]}]',
        boxes=[(A, ""), (C, "b")],
    )
    row(form, '[{"bbox_2d": [100, 200, 300, 400], "state": {"enabled": true}, "label": "Save"}]', boxes=[SAVE])
    inner = '{"bbox_2d": [100, 200, 300, 400], "label": "Save"}'
    whole = (0, 0, 900, 680)
    row(form, f'{{"bbox_2d": [0, 0, 900, 680], "children": [{inner}], "label": "bar"}}', boxes=[(whole, "bar"), SAVE])
    row(form, f'{{"bbox_2d": [0, 0, 900, 680], "children": [{inner}]}}', boxes=[(whole, ""), SAVE])
    row(form, '{"Save button": [100, 200, 300, 400]}', boxes=[(A, "Save button")])
    row(form, '{"bboxes": [[100, 200, 300, 400], [10, 20, 30, 40]], "labels": ["a", "b"]}', boxes=[(A, "a"), (C, "b")])
    member = '{"x1": 10, "y1": 20, "x2": 30, "y2": 40, "label": "b"}'
    row(form, f'{{"boxes": [{member}], "label": "all"}}', boxes=[(C, "b")])
    row(form, '{"transcription": "EXIT", "polygon": [[100, 200], [300, 200], [300, 400]]}', boxes=[(A, "EXIT")])
    row(form, '{"points": [{"x": 100, "y": 200, "label": "a"}, {"x": 300, "y": 400}]}', points=[(P, "a"), (Q, "")])
    row(form, '{"bbox_2d": [100, 200, 300, 400], "label": "\\u4fdd\\u5b58 \\"now\\""}', boxes=[(A, '保存 "now"')])


def tags() -> None:
    form = "box tokens"
    tokens = "<|box_start|>(100,200),(300,400)<|box_end|>"
    row(form, tokens, boxes=[(A, "")], family=QWEN2)
    row(form, f"<|object_ref_start|>Save<|object_ref_end|>{tokens}", boxes=[SAVE], family=QWEN2)
    row(form, f"<|object_ref_start|>Save<|object_ref_end|>{tokens}<|im_end|>", boxes=[SAVE], family=QWEN2, size=PHONE)
    row(
        form,
        "<|object_ref_start|>meter<|object_ref_end|> at <|box_start|>[100,200,300,400]<|box_end|>",
        boxes=[(A, "meter")],
    )
    row(
        form,
        "<|object_ref_start|>seal<|object_ref_end|> <|box_start|>[100,200,300,400],[500,600,700,800]<|box_end|>",
        boxes=[(A, "seal"), ((500, 600, 700, 800), "seal")],
        family=QWEN2,
    )
    row(form, f"{tokens}<|box_start|>(10,20),(30,40)<|box_end|>", boxes=[(A, ""), (C, "")], family=QWEN2)
    row(form, "<|box_start|>(100,200)<|box_end|>", points=[(P, "")], family=QWEN2)
    row(form, "(100,200),(300,400)", boxes=[(A, "")], family=QWEN2)

    form = "box tags"
    row(form, "<ref>Save</ref><box>(100,200),(300,400)</box>", boxes=[SAVE], family=QWEN2)
    row(form, "<ref>Save</ref><box>(100,200),(300,400)</box><box>(10,20),(30,40)</box>", boxes=[SAVE, (C, "Save")])
    row(form, "<bbox>100 200 300 400</bbox>", boxes=[(A, "")])
    row(form, "The button is here: <box>[100, 200, 300, 400]</box>.", boxes=[(A, "")])
    row(
        form,
        "<|ref|>seal<|/ref|><|det|>[[100, 200, 300, 400], [10, 20, 30, 40]]<|/det|>",
        boxes=[(A, "seal"), (C, "seal")],
    )
    row(form, "<box>[[100, 200, 300, 400]]</box>", boxes=[(A, "")])
    row(form, '<bbox x1="100" y1="200" x2="300" y2="400">Save</bbox>', boxes=[SAVE])

    form = "HTML"
    row(form, '<html><body><h1 data-bbox="100 200 300 400">Invoice</h1></body></html>', boxes=[(A, "Invoice")])
    row(
        form,
        '<p class="a" data-bbox="100 200 300 400" id="b">Total</p>\n<p data-bbox="10 20 30 40"></p>',
        boxes=[(A, "Total"), (C, "")],
    )
    row(
        form,
        '<div class="image" data-bbox="100,200,300,400"><img data-bbox="10 20 30 40"/></div>',
        boxes=[(A, ""), (C, "")],
    )

    form = "full-width marks"
    row(form, "按钮位于（100，200），（300，400）", boxes=[(A, "")])
    row(form, "点击坐标（１００，２００）。", points=[(P, "")])


def points() -> None:
    form = "JSON points"
    row(
        form,
        '```json\n[\n\t{"point_2d": [100, 200], "label": "Save"},\n\t{"point_2d": [300, 400], "label": "Open"}\n]\n```',
        points=[(P, "Save"), (Q, "Open")],
    )
    row(form, '{"point_2d": [100, 200], "label": "Save"}', points=[(P, "Save")], family=QWEN3)
    row(form, '{"point_2d": [[100, 200], [300, 400], [500, 600]], "label": "x"}', points=[(P, "x"), (Q, "x"), (R, "x")])
    row(form, '{"point_2d": ["100", "200"], "label": "Save"}', points=[(P, "Save")])
    row(form, '{"points": [[100, 200], [300, 400]], "label": "x"}', points=[(P, "x"), (Q, "x")])
    row(form, '{"x": 100, "y": 200}', points=[(P, "")], family=QWEN3)
    row(form, '{"coordinate": [100, 200]}', points=[(P, "")], family=QWEN3)
    row(form, '{"bbox_2d": [100, 200], "label": "Save"}', points=[(P, "Save")])
    row(
        form,
        '[{"bbox_2d": [100, 200, 300, 400], "point_2d": [110, 210], "label": "Save"}]',
        boxes=[SAVE],
        points=[((110, 210), "Save")],
    )

    form = "XML points"
    row(
        form,
        '<points x1="100" y1="200" x2="300" y2="400" alt="boxes">boxes</points>',
        points=[(P, "boxes"), (Q, "boxes")],
    )
    row(form, '<points x1="100" y1="200" alt="rolling pin">pin</points>', points=[(P, "rolling pin")])
    row(form, '```xml\n<points x1="100.5" y1="200" alt="pin">pin</points>\n```', points=[((100.5, 200), "pin")])
    row(form, '<point x="100" y="200" alt="pin">pin</point>', points=[(P, "pin")])
    row(form, "<point>100 200</point>", points=[(P, "")])
    row(form, "<point>(100, 200)</point>", points=[(P, "")])
    row(form, "<points 100 200>rolling pin</points>", points=[(P, "rolling pin")])
    row(form, "<click>100, 200</click>", points=[(P, "")])

    form = "bare points"
    row(form, "(100, 200)", points=[(P, "")])
    row(form, "(100, 200)", points=[(P, "")], family=QWEN2)
    row(form, "[0.4, 0.81]", points=[((0.4, 0.81), "")], family=QWEN2, frame="fractions")
    row(form, "[(100, 200), (300, 400), (500, 600)]", points=[(P, ""), (Q, ""), (R, "")])
    row(form, "The element is located at (100, 200).", points=[(P, "")])
    row(form, "I would click on the button (100, 200).", points=[(P, "")])
    row(form, "x=100, y=200", points=[(P, "")])
    row(form, '1. "Save": (100, 200)\n2. "Open": (300, 400)', points=[(P, "Save"), (Q, "Open")])
    row(form, "<answer>(100, 200)</answer>", points=[(P, "")], family=QWEN3)

    form = "bare boxes"
    row(form, "[100, 200, 300, 400]", boxes=[(A, "")])
    row(form, "The box is [100, 200, 300, 400].", boxes=[(A, "")])
    row(form, "[[100, 200, 300, 400], [500, 600, 700, 720]]", boxes=[(A, ""), (B, "")])
    row(form, '[100, 200, 300, 400, "Save"]', boxes=[SAVE])
    row(form, "100,200,300,400 small cake\n500,600,700,720 large cake", boxes=[(A, "small cake"), (B, "large cake")])
    row(form, "- Save: [100, 200, 300, 400]\n- Open: [500, 600, 700, 720]", boxes=[SAVE, OPEN])
    row(form, "x1=100, y1=200, x2=300, y2=400", boxes=[(A, "")])
    row(form, "\\boxed{[100, 200, 300, 400]}", boxes=[(A, "")])


def called(tool: str, arguments: str) -> str:
    return f'<tool_call>\n{{"name": "{tool}", "arguments": {arguments}}}\n</tool_call>'


def agents() -> None:
    thought = "Thought: The button is in the top bar.\nAction: "
    form = "UI-TARS"
    for family in (QWEN25, QWEN2):
        for text, name, rest in (
            ("click(start_box='(100,200)')", "click", {}),
            ("click(start_box='<|box_start|>(100,200)<|box_end|>')", "click", {}),
            ("click(point='<point>100 200</point>')", "click", {}),
            ("left_double(start_point='<point>100 200</point>')", "left_double", {}),
            ("scroll(start_box='(100,200)', direction='down')", "scroll", {"direction": "down"}),
        ):
            row(form, thought + text, actions=[(name, [P], [], rest)], family=family)
    row(form, f"{thought}drag(start_box='(100,200)', end_box='(300,400)')", actions=[("drag", [P, Q], [], {})])
    row(
        form,
        f"{thought}drag(start_point='<point>100 200</point>', end_point='<point>300 400</point>')",
        actions=[("drag", [P, Q], [], {})],
    )
    row(
        form,
        f"{thought}drag(start_box='<|box_start|>(100,200)<|box_end|>', end_box='<|box_start|>(300,400)<|box_end|>')",
        actions=[("drag", [P, Q], [], {})],
        family=QWEN2,
    )
    row(form, f"{thought}click(start_box='(100,200,300,400)')", actions=[("click", [], [A], {})])
    row(form, f"{thought}right_single(start_box='[100, 200, 100, 200]')", actions=[("right_single", [P], [], {})])
    row(form, f"{thought}type(content='it's 5\\n')", actions=[("type", [], [], {"content": "it's 5\n"})])
    row(form, f"{thought}hotkey(key='ctrl c')", actions=[("hotkey", [], [], {"key": "ctrl c"})])
    row(form, f"{thought}click(start_box='<bbox>100 200 100 200</bbox>')", actions=[("click", [P], [], {})])
    row(
        form,
        f"{thought}drag(start_box='<bbox>100 200 100 200</bbox>', end_box='<bbox>300 400 300 400</bbox>')",
        actions=[("drag", [P, Q], [], {})],
    )
    row(form, f"{thought}wait()", actions=[("wait", [], [], {})])
    row(form, f"{thought}finished(content='done')", actions=[("finished", [], [], {"content": "done"})])
    row(
        form,
        f"{thought}click(start_box='(100,200)')\n\ntype(content='a')",
        actions=[("click", [P], [], {}), ("type", [], [], {"content": "a"})],
    )
    row(
        form,
        "Thought: maybe (10, 20), or [10, 20, 30, 40].\nAction: click(start_box='(100,200)')",
        actions=[("click", [P], [], {})],
    )

    form = "tool calls"
    for family in (QWEN25, QWEN3):
        row(
            form,
            called("computer_use", '{"action": "left_click", "coordinate": [100, 200]}'),
            actions=[("left_click", [P], [], {})],
            family=family,
        )
    row(
        form,
        called("mobile_use", '{"action": "swipe", "coordinate": [100, 200], "coordinate2": [300, 400]}'),
        actions=[("swipe", [P, Q], [], {})],
        size=PHONE,
    )
    row(
        form,
        called("mobile_use", '{"action": "long_press", "coordinate": [100, 200], "time": 2}'),
        actions=[("long_press", [P], [], {"time": 2})],
        family=QWEN3,
        size=PHONE,
    )
    row(
        form,
        "I click it.\n" + called("computer_use", '{"action": "scroll", "coordinate": [100, 200], "pixels": -500}'),
        actions=[("scroll", [P], [], {"pixels": -500})],
    )
    row(
        form,
        called("computer_use", '{"action": "type", "text": "at [10, 20, 30, 40]"}'),
        actions=[("type", [], [], {"text": "at [10, 20, 30, 40]"})],
    )
    row(
        form,
        '{"name": "computer_use", "arguments": "{\\"action\\": \\"left_click\\", \\"coordinate\\": [100, 200]}"}',
        actions=[("left_click", [P], [], {})],
    )
    row(
        form,
        called("computer_use", '{"action": "left_click", "coordinate": [100, 200, 300, 400]}'),
        actions=[("left_click", [], [A], {})],
    )
    row(
        form,
        "<tool_call>\n<function=computer_use>\n<parameter=action>\nleft_click\n</parameter>\n"
        "<parameter=coordinate>\n[100, 200]\n</parameter>\n</function>\n</tool_call>",
        actions=[("left_click", [P], [], {})],
        family=QWEN3,
    )

    form = "pyautogui"
    row(form, "pyautogui.click(x=100, y=200)", actions=[("pyautogui.click", [P], [], {})])
    row(
        form,
        "pyautogui.click(x=0.4, y=0.81)",
        actions=[("pyautogui.click", [(0.4, 0.81)], [], {})],
        family=QWEN2,
        frame="fractions",
    )
    row(
        form,
        "```python\npyautogui.moveTo(100, 200)\npyautogui.dragTo(300, 400, button='left')\n```",
        actions=[("pyautogui.moveTo", [P], [], {}), ("pyautogui.dragTo", [Q], [], {"button": "left"})],
    )
    row(
        form,
        "pyautogui.scroll(-5, x=100, y=200)\npyautogui.write('a, b')",
        actions=[
            ("pyautogui.scroll", [P], [], {"positional": [-5]}),
            ("pyautogui.write", [], [], {"positional": ["a, b"]}),
        ],
    )
    row(
        form,
        "mobile.swipe(from_coord=[0.5, 0.8], to_coord=[0.5, 0.2])",
        actions=[("mobile.swipe", [(0.5, 0.8), (0.5, 0.2)], [], {})],
        family=QWEN2,
        frame="fractions",
        size=PHONE,
    )

    form = "calls with positions"
    row(form, "Click(352, 348)", actions=[("Click", [(352, 348)], [], {})])
    row(form, "click(100, 200)", actions=[("click", [P], [], {})], family=QWEN3)
    row(form, "<think>It is (10, 20).</think><action>Click(box=(100, 200))</action>", actions=[("Click", [P], [], {})])
    row(form, "<action>Drag(start=(100, 200), end=(300, 400))</action>", actions=[("Drag", [P, Q], [], {})])
    row(form, "swipe(100, 200, 300, 400)", actions=[("swipe", [P, Q], [], {})], size=PHONE)
    row(form, "actions:\nCLICK <point>[[100, 200]]</point>", actions=[("CLICK", [P], [], {})], family=QWEN2)

    form = "action objects"
    row(
        form,
        "<think>First (10, 20).</think>"
        "<answer>[{'action': 'click', 'point': [100, 200], 'input_text': 'no input text'}]</answer>",
        actions=[("click", [P], [], {"input_text": "no input text"})],
    )
    row(
        form,
        "{'action': 'CLICK', 'value': None, 'position': [0.4, 0.81]}",
        actions=[("CLICK", [(0.4, 0.81)], [], {"value": None})],
        family=QWEN2,
        frame="fractions",
    )
    row(form, '{"POINT": [100, 200], "to": "up"}', actions=[("POINT", [P], [], {"to": "up"})], family=QWEN2, size=PHONE)
    row(form, '{"POINT": [100, 200], "to": [300, 400]}', actions=[("POINT", [P, Q], [], {})], family=QWEN2, size=PHONE)
    row(
        form,
        '{"action": {"action": "click_element", "element": "Save", "x": 100, "y": 200}}',
        actions=[("click_element", [P], [], {"element": "Save"})],
    )
    row(
        form,
        '{"type": "click", "x": 100, "y": 200, "button": "left"}',
        actions=[("click", [P], [], {"button": "left"})],
    )
    row(
        form,
        '{"action": "drag", "path": [{"x": 100, "y": 200}, {"x": 300, "y": 400}]}',
        actions=[("drag", [P, Q], [], {})],
    )
    row(form, '{"action": "click", "target": {"bbox": [100, 200, 300, 400]}}', actions=[("click", [], [A], {})])
    row(
        form,
        '{"action_type": "scroll", "direction": "down"}',
        actions=[("scroll", [], [], {"direction": "down"})],
    )


def no_answers() -> None:
    form = "thinking"
    draft = '{"bbox_2d": [10, 20, 30, 40]}'
    row(form, f"<think>It could be [10, 20, 30, 40].</think>\n<answer>[{ONE}]</answer>", boxes=[SAVE])
    row(form, f"<think>First guess {draft} is Undo.</think>\n[{ONE}]", boxes=[SAVE], family=QWEN3)
    row(form, f"{draft} is Undo.</think>\n\n[{ONE}]", boxes=[SAVE], family=QWEN3)
    row(
        form,
        "<think><|box_start|>(10,20),(30,40)<|box_end|></think><|box_start|>(100,200),(300,400)<|box_end|>",
        boxes=[(A, "")],
    )
    row(form, f"<think>First guess {draft} is Undo, so")
    row(form, "<think>It could be [10, 20, 30, 40]. <answer>[100, 200, 300, 400]</answer>", boxes=[(A, "")])
    row(form, "It could be [10, 20, 30, 40].\nFinal answer: [100, 200, 300, 400]", boxes=[(A, "")])
    row(form, f"[{ONE}]\nAnswer: 1 button", boxes=[SAVE])
    row(form, f"[{ONE}] <answer>yes</answer>", boxes=[SAVE])
    row(form, "First [10, 20, 30, 40], but then \\boxed{[100, 200, 300, 400]}", boxes=[(A, "")])
    row(form, '{"thought": "maybe <box>(10,20),(30,40)</box>", "bbox_2d": [100, 200, 300, 400]}', boxes=[(A, "")])
    row(form, f"I see {draft}. <answer>[100, 200, 300, 400]</answer>", boxes=[(A, "")])

    form = "no places"
    for text in (
        "The color is rgb(12, 34, 56).",
        "It is drawn in rgba(12, 34, 56, 1).",
        "padding: (10, 20, 10, 20)",
        "The margins are [4, 4, 4, 4].",
        "It was open in (1999, 2004).",
        "The image has a size of (800, 600).",
        "[1920, 1080]",
        "[1316, 728]",
        "See [1, 2] and [3, 4].",
        "Use arr[10, 20, 30, 40].",
        "```python\nvalues = [1, 2, 3, 4]\nf(10, 20)\n```",
        "```python\nopen('a.txt')\nkey = input('[1, 2]')\n```",
        "2024, 11, 20, 7",
        '{"padding": [4, 4, 4, 4], "color": [255, 0, 0, 1]}',
        '{"box": "a cardboard box", "points": 5}',
        "print([1, 2, 3, 4])",
        "The matrix is [[1, 2], [3, 4]].",
        "The server is at IP [127, 0, 0, 1].",
        "It has a box-shadow: (1, 2, 3, 4).",
        "You may call wait() to continue.",
    ):
        row(form, text)

    form = "repetition"
    row(form, f"[{ONE}, {ONE}, {ONE}]", boxes=[SAVE])
    row(form, f"[{ONE}, {TWO}, {ONE}]", boxes=[SAVE, OPEN])

    form = "another frame"
    row(form, '[{"bbox_2d": [0, 500, 1080, 1920], "label": "list"}]', rejected=1, family=QWEN2, size=PHONE)
    row(form, '[{"bbox_2d": [900, 500, 1800, 1000], "label": "panel"}]', rejected=1)
    row(form, f'[{ONE}, {{"bbox_2d": [900, 500, 1800, 1000], "label": "b"}}]', boxes=[SAVE], rejected=1)
    row(form, '[{"bbox_2d": [-40, 10, 200, 100], "label": "panel"}]', rejected=1)
    row(form, '[{"bbox_2d": [-4, 10, 1320, 728], "label": "bar"}]', boxes=[((-4, 10, 1320, 728), "bar")])
    row(form, '[{"bbox_2d": [1, 10, 1001, 900], "label": "bar"}]', boxes=[((1, 10, 1001, 900), "bar")], family=QWEN3)
    row(form, "Action: click(start_box='(1800,900)')", rejected=1)
    row(form, "Action: drag(start_box='(100,200)', end_box='(300,1400)')", rejected=1)
    row(form, '{"bbox_2d": [100, 200, 300], "label": "Save"}', rejected=1)

    form = "conventions"
    share = (0.1, 0.2, 0.3, 0.4)
    for family in FAMILIES:
        row(
            form,
            '[{"bbox_2d": [0.10, 0.20, 0.30, 0.40], "label": "Save"}]',
            boxes=[(share, "Save")],
            family=family,
            frame="fractions",
        )
    row(form, f"[{ONE}]", boxes=[SAVE], convention="thousandths")
    row(form, f"[{ONE}]", boxes=[SAVE], convention="absolute", family=QWEN3)
    row(
        form,
        '[{"bbox_2d": [0, 0.2, 1, 0.4], "label": "Save"}]',
        boxes=[((0, 0.2, 1, 0.4), "Save")],
        convention="fractions",
    )
    row(form, f"[{ONE}]", rejected=1, convention="fractions")
    row(form, '[{"bbox_2d": [0, 0, 1, 1], "label": "dot"}]', boxes=[((0, 0, 1, 1), "dot")], size=SMALL)


def table() -> str:
    """Return the table as it is written."""
    ROWS.clear()
    for part in (json_boxes, labels, tags, points, agents, no_answers):
        part()
    lines = ",\n".join(json.dumps(one, ensure_ascii=False) for one in ROWS)
    return f"[\n{lines}\n]\n"


def main() -> None:
    """Write the table."""
    (HERE / "answers.json").write_text(table(), encoding="utf-8")
    print(f"{len(ROWS)} answers of {len({one['form'] for one in ROWS})} forms")


if __name__ == "__main__":
    main()
