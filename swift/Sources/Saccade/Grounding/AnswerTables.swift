// Written by `python swift/write.py` from `python/mlx_saccade/grounding/`. Edit the Python source, not this file.
// swift-format-ignore-file

/// Constants of `mlx_saccade.grounding.actions`.
enum ActionFormsTable {
    static let pointing: Set<String> = ["click", "clickabsolute", "clickelement", "doubleclick", "doubletap", "drag", "draganddrop", "dragandrop", "dragto", "hover", "hscroll", "leftclick", "leftclickdrag", "leftdouble", "leftsingle", "longclick", "longpress", "longtap", "middleclick", "mousedown", "mousemove", "mouseup", "move", "moveto", "rightclick", "rightsingle", "scroll", "select", "slide", "swipe", "tap", "touch", "tripleclick", "vscroll"]
    static let drags: Set<String> = ["drag", "draganddrop", "dragandrop", "dragto", "leftclickdrag", "slide", "swipe"]
    static let scrolls: Set<String> = ["hscroll", "scroll", "vscroll"]
    static let others: Set<String> = ["answer", "back", "calluser", "done", "dragrel", "enter", "entertext", "finish", "finished", "home", "hotkey", "impossible", "input", "inputtext", "key", "keydown", "keypress", "keyup", "launch", "moverel", "navigateback", "navigatehome", "open", "openapp", "press", "pressback", "pressenter", "presshome", "pressrecent", "response", "screenshot", "sleep", "systembutton", "terminate", "type", "typewrite", "wait", "write", "zoom"]
    static let types: Set<String> = ["click", "doubleclick", "drag", "move", "rightclick", "scroll", "swipe", "tap"]
    static let toolNames: [String] = ["action", "action_type", "actiontype", "operation"]
    static let toolArguments: [String] = ["arguments", "parameters", "args", "params", "input", "action_input", "action_inputs"]
    static let places: Set<String> = ["bbox", "bbox2d", "box", "center", "clickpoint", "coordinate", "coordinate1", "coordinate2", "coordinates", "coords", "destination", "end", "endbox", "endcoordinate", "endpoint", "endposition", "from", "fromcoord", "liftpoint", "location", "path", "point", "point2d", "points", "position", "source", "start", "startbox", "startcoordinate", "startpoint", "startposition", "target", "to", "tocoord", "touchpoint", "xy"]
    static let rows = [["x1", "y1", "x2", "y2"], ["startx", "starty", "endx", "endy"], ["fromx", "fromy", "tox", "toy"], ["xstart", "ystart", "xend", "yend"], ["x", "y"]]
    static let name = Pattern(##"[A-Za-z_][A-Za-z0-9_.\- ]{0,60}"##)
}

/// Constants of `mlx_saccade.grounding.bare_forms`.
enum BareFormsTable {
    static let line = Pattern(##"\s*([-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*,\s*([-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*,\s*([-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*,\s*([-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s*[,:]?\s+([^\W\d].{0,200})"##)
    static let noPlace = Pattern(##"\b(?:colou?rs?|rgba?|hsla?|hsv|padding|margins?|inset|offsets?|size|sizes|resolution|dimensions?|shape|years?|between|range|ratios?|scale|versions?|ids?|indices|index|tokens?|scores?|weights?|kernel|stride|spacing|radius|gap|font|shadow|matrix|array|vector|tensor|tuple|border|gradient|transform|ip|date|dates|pages?|figures?|chapters?|values?|grid|grid_thw)\W{0,6}(?:\w{1,10}\W{1,4})?$"##, ignoringCase: true)
    static let place = Pattern(##"(?:\b(?:at|point|points|click|clicks|tap|coordinates?|position|location|located|center|centre|answer|is|are|place|places|box|to)\b|位于|坐标|点击|中心|位置|在|为|是)\W{0,8}$"##, ignoringCase: true)
    static let near = Pattern(##"\b(?:click|tap|coordinates?|position|location|located|point)\b|点击|坐标"##, ignoringCase: true)
    static let named = Pattern(##"\bx1?\s{0,4}[=:]\s{0,4}([-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s{0,4},?\s{0,4}y1?\s{0,4}[=:]\s{0,4}([-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)(?:\s{0,4},?\s{0,4}x2\s{0,4}[=:]\s{0,4}([-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)\s{0,4},?\s{0,4}y2\s{0,4}[=:]\s{0,4}([-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?))?(?![\w.%])"##)
    static let namedLine = Pattern(##"[ \t]*(?:[-*•]|[0-9]{1,3}[.)])?[ \t]*([^\n:]{1,80}?)[ \t*]*:[ \t*]*"##)
    static let code = Pattern(##"[A-Za-z0-9_]\(?\[?$|(?:^|[^=!<>])=\s{0,3}$"##)
    static let openTag = Pattern(##"<\|?(?:box|bbox|bbox_2d|quad|polygon|box_start|quad_start)\|?>\W{0,4}$"##)
    static let maxLines = 5000
    static let generic: Set<String> = ["answer", "answers", "boxes", "data", "final", "items", "list", "output", "response", "result", "results", "value", "values"]
    static let noise = Pattern(##"```[ \t]*[a-z]{0,12}|</?[A-Za-z_]{1,20}>|<\|[A-Za-z_]{1,20}\|>|[\s.,;:!*`\[\](){}\"']"##)
}

/// Constants of `mlx_saccade.grounding.calls`.
enum CallFormsTable {
    static let maxName = 60
    static let maxTags = 10000
    static let nameBackwards = Pattern(##"\s{0,2}([A-Za-z0-9_.]{1,60})"##)
    static let explicit: Set<String> = ["endbox", "endpoint", "startbox", "startpoint"]
    static let beforeAction: [String] = ["action:", "actions:", "action:**", "<action>", ";", ")", "[", ",", "```", "```python"]
    static let function = Pattern(##"<function=([A-Za-z0-9_.\-]{1,60})>"##)
    static let parameter = Pattern(##"<parameter=([A-Za-z0-9_.\-]{1,60})>([^<]{0,4000})(?:</parameter>|(?=<))"##)
    static let verb = Pattern(##"\b([A-Za-z_]{3,20})[ \t]{1,4}(?:<point>([^<]{0,200})</point>|<\|box_start\|>([^<]{0,200})<\|box_end\|>)"##)
}

/// Constants of `mlx_saccade.grounding.document`.
enum AnswerDocumentTable {
    static let fence = Pattern(##"```[ \t]*([A-Za-z0-9_+\-]{0,20})"##)
    static let data: Set<String> = ["", "html", "json", "json5", "jsonc", "jsonl", "markdown", "md", "plaintext", "text", "txt", "xml", "yaml"]
    static let fullWidth: [Unicode.Scalar: Unicode.Scalar] = ["、": ",", "（": "(", "）": ")", "，": ",", "－": "-", "．": ".", "０": "0", "１": "1", "２": "2", "３": "3", "４": "4", "５": "5", "６": "6", "７": "7", "８": "8", "９": "9", "：": ":", "；": ";", "＝": "=", "［": "[", "］": "]", "｛": "{", "｝": "}"]
}

/// Constants of `mlx_saccade.grounding.json_forms`.
enum JSONFormsTable {
    static let boxKeys: Set<String> = ["bbox_2d", "bbox_2ds", "bboxes_2d", "box_2d"]
    static let kinds: [String: String] = ["bbox": "box", "bbox2d": "box", "bbox_2d": "box", "bbox_2ds": "box", "bbox_xywh": "sized", "bbox_xyxy": "box", "bboxes": "box", "bboxes_2d": "box", "bounding_box": "box", "bounding_boxes": "box", "boundingbox": "box", "boundingboxes": "box", "bounds": "box", "box": "box", "box2d": "box", "box_2d": "box", "boxes": "box", "center": "point", "center_point": "point", "centre": "point", "click_point": "point", "coord": "either", "coordinate": "either", "coordinates": "either", "coords": "either", "corners": "polygon", "keypoints": "points", "line": "points", "location": "either", "path": "points", "point": "point", "point2d": "point", "point_2d": "point", "point_2ds": "points", "points": "points", "points_2d": "points", "poly": "polygon", "polygon": "polygon", "polygon_2d": "polygon", "polygons": "polygon", "polyline": "points", "pos": "either", "position": "either", "quad": "polygon", "quad_2d": "polygon", "rect": "box", "rectangle": "box", "segmentation": "polygon", "trajectory": "points", "vertices": "polygon", "xywh": "sized", "xyxy": "box"]
    static let labels: [String] = ["label", "text_content", "text", "name", "ref", "object", "element", "caption", "description", "title", "content", "target", "category", "class", "object_name", "element_name", "class_name", "transcription", "phrase", "word", "tag", "标签", "名称", "文本", "文字", "内容", "type"]
    static let lists: [String] = ["labels", "names", "texts"]
    static let numbered = Pattern(##"[_ ]?[0-9]{1,3}$"##)
}

/// Constants of `mlx_saccade.grounding.near_json`.
enum NearJSONTable {
    static let number = "[-+]?(?:[0-9]+(?:\\.[0-9]*)?|\\.[0-9]+)(?:[eE][-+]?[0-9]+)?"
    static let maxDepth = 64
    static let maxSteps = 64000
    static let closers: [String: String] = [")": "([", "]": "[(", "}": "{"]
    static let textKeys = "bbox_2d|box_2d|bboxes|bbox|boxes|box|point_2d|points|point|coordinates|coordinate|polygon"
    static let textNames = "label|text_content"
    static let inText = Pattern(##"(?P<open>[\[({])|(?<![A-Za-z0-9_])(?P<quote>[\"']?)(?P<key>bbox_2d|box_2d|bboxes|bbox|boxes|box|point_2d|points|point|coordinates|coordinate|polygon|label|text_content)(?P=quote)\s{0,8}[:=]\s{0,8}"##)
    static let token = Pattern(##"(?P<space>[\s,;]+|<\|[A-Za-z_]{1,30}\|>)|(?P<open>[\[({])|(?P<close>[\])}])|(?P<tag><(?P<name>point|box|bbox)>[^<>]{0,200}</(?P=name)>)|(?P<key>"[^"\\\n]{1,64}"\s{0,8}:|'[^'\\\n]{1,64}'\s{0,8}:|[A-Za-z_][A-Za-z0-9_.\-]{0,40}\s{0,8}[:=])|(?P<number>[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)(?:px)?(?![A-Za-z0-9_.%])|(?P<string>["'])|(?P<word>[^\s,;\[\](){}"']+)"##)
    static let quotes = Pattern(##"\\.|[\"']"##, dotTakesNewlines: true)
    static let afterValue = Pattern(##"\s{0,8}(?:[,;}\])]|\Z|[\"'][A-Za-z_][A-Za-z0-9_ ]{0,40}[\"']\s{0,8}:)"##)
    static let unquoted = Pattern(##"[^,;\n{}\[\]()\"']+"##)
}

/// Constants of `mlx_saccade.grounding.reader`.
enum GroundedTextTable {
    static let answerKeys: Set<String> = ["action", "actions", "answer", "code", "command", "content", "final_answer", "output", "response", "result"]
    static let maxNesting = 2
}

/// Constants of `mlx_saccade.grounding.shapes`.
enum ShapesTable {
    static let allNumbers = Pattern(##"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?"##)
    static let tag = Pattern(##"<[^<>]{0,40}>"##)
    static let numeric = Pattern(##"[-+0-9.eE,;:()\[\]\s]*"##)
    static let maxText = 4000
    static let maxDigits = 24
    static let maxDepth = 4
    static let rows = [("corners", ["x0", "y0", "x1", "y1"]), ("corners", ["x1", "y1", "x2", "y2"]), ("corners", ["left", "top", "right", "bottom"]), ("corners", ["xmin", "ymin", "xmax", "ymax"]), ("corners", ["minx", "miny", "maxx", "maxy"]), ("sized", ["x", "y", "width", "height"]), ("sized", ["x", "y", "w", "h"]), ("sized", ["left", "top", "width", "height"]), ("centered", ["cx", "cy", "w", "h"]), ("centered", ["cx", "cy", "width", "height"]), ("centered", ["centerx", "centery", "width", "height"]), ("pairs", ["topleft", "bottomright"]), ("pairs", ["tl", "br"]), ("point", ["x", "y"]), ("point", ["cx", "cy"]), ("point", ["centerx", "centery"])]
}

/// Constants of `mlx_saccade.grounding.thinking`.
enum ThinkingTable {
    static let thoughtKeys: Set<String> = ["analysis", "explanation", "observation", "rationale", "reason", "reasoning", "reflection", "think", "thinking", "thought", "thoughts"]
    static let tag = Pattern(##"<(/?)(?:[a-z]{1,20}[_:])?(?:think|thinking|thought|thoughts|reasoning|reflection)>|◁(/?)think▷"##, ignoringCase: true)
    static let thought = Pattern(##"^[ \t*]*(?:Thoughts?|Reflection|思考)[ \t*]*[:：]"##, ignoringCase: true, multiline: true)
    static let action = Pattern(##"^[ \t*]*Actions?[ \t*]*:|<tool_call>|<function=|<action>|<answer>|^[ \t]*```|^[ \t]*[A-Za-z_.]{2,40}\("##, ignoringCase: true, multiline: true)
    static let afterThinking = Pattern(##"<answer>"##, ignoringCase: true)
    static let final = Pattern(##"\bfinal answer\b[^\n\d\[({<]{0,20}[:：]|^[ \t#*]*answer[ \t*]*[:：]|\\boxed(?=\{)"##, ignoringCase: true, multiline: true)
    static let twoNumbers = Pattern(##"[0-9][^0-9]{1,8}[0-9]"##)
    static let answer = Pattern(##"<(/?)answer>"##, ignoringCase: true)
}

/// Constants of `mlx_saccade.grounding.xml_forms`.
enum XMLFormsTable {
    static let maxTags = 10000
    static let reference = "<ref>(?P<ref>[^<]{0,1000})</ref>|<\\|(?:object_ref_start|ref)\\|>(?P<object>[^<]{0,1000})<\\|(?:object_ref_end|/ref)\\|>"
    static let tokens = "<\\|(?P<token>box|quad|point)_start\\|>(?P<tokens>[^<]{0,4000})<\\|(?P=token)_end\\|>|<\\|(?P<det>det)\\|>(?P<detected>[^<]{0,4000})<\\|/det\\|>|<(?P<tag>bbox_2d|bbox|box|bounding_box|quad|polygon|points|point_2d|point|click|coordinate|coordinates)\\b(?P<named>[^<>]{0,4000})>(?P<inside>[^<]{0,4000})(?:</[^<>]{0,20}>)?"
    static let event = Pattern(##"<ref>(?P<ref>[^<]{0,1000})</ref>|<\|(?:object_ref_start|ref)\|>(?P<object>[^<]{0,1000})<\|(?:object_ref_end|/ref)\|>|<\|(?P<token>box|quad|point)_start\|>(?P<tokens>[^<]{0,4000})<\|(?P=token)_end\|>|<\|(?P<det>det)\|>(?P<detected>[^<]{0,4000})<\|/det\|>|<(?P<tag>bbox_2d|bbox|box|bounding_box|quad|polygon|points|point_2d|point|click|coordinate|coordinates)\b(?P<named>[^<>]{0,4000})>(?P<inside>[^<]{0,4000})(?:</[^<>]{0,20}>)?"##, ignoringCase: true)
    static let data = Pattern(##"\bdata-(?P<kind>bbox|box|point|polygon)\s{0,4}=\s{0,4}(?P<quote>[\"'])(?P<value>[^\"'<>]{0,400})(?P=quote)[^<>]{0,400}>(?P<inside>[^<]{0,1000})"##, ignoringCase: true)
    static let attribute = Pattern(##"\b([A-Za-z]{1,10}[0-9]{0,3})\s{0,4}=\s{0,4}[\"']?\s{0,4}([-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)(?![A-Za-z0-9_.%])"##)
    static let name = Pattern(##"\b(?:alt|label|name)\s{0,4}=\s{0,4}(?:\"([^\"]{0,1000})\"|'([^']{0,1000})')"##, ignoringCase: true)
    static let between = Pattern(##"[\s,;]*(?:and)?[\s,;]*"##)
    static let kinds: [String: String] = ["click": "points", "coordinate": "either", "coordinates": "either", "point": "points", "point_2d": "points", "points": "points", "polygon": "polygon", "quad": "polygon"]
}
