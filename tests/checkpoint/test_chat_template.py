"""Chat templates are programs: they give what Jinja gives, and no program of a checkpoint's runs away."""

from __future__ import annotations

import json
import tracemalloc
from typing import Any

import checkpoints
import jinja2.ext
import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from mlx_saccade.checkpoint.chat_template import ChatTemplate
from mlx_saccade.errors import InputError

# What published templates use: namespaces, tests, filters, slices, tools as JSON, methods of text, loop controls.
RICH = """{%- set count = namespace(images=0, last='') -%}
{%- macro shown(part) -%}{%- set count.images = count.images + 1 -%}Picture {{ count.images }}: <image>{%- endmacro -%}
{%- if messages[0].role == 'system' %}{{ '<|im_start|>system\\n' + messages[0].content|string ~ '<|im_end|>\\n' }}\
{%- endif %}
{%- for message in messages if message.role != 'system' %}
<|im_start|>{{ message['role'] ~ ('' if loop.last else ' ' * 2) }}
{%- if message.content is string %}{{ message.content.strip().split('</think>')[-1] | trim }}
{%- else %}
{%- for part in message.content %}
{%- if part.type == 'image' %}{{ shown(part) }}{% elif 'text' in part %}{{ part.text.replace('a', 'bb') }}{% endif %}
{%- if loop.index > 50 %}{% break %}{% endif %}
{%- endfor %}
{%- endif %}
{{- [message.role, loop.index0] | tojson }}{{ {'n': loop.length} | tojson(indent=2) }}{{ message.keys() | join(', ') }}
{%- endfor %}
{% for n in range(3) %}{{ n * 2 + 1 }}{% endfor %}{{ messages[::-1] | length }}
{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""

# What the templates of tools, thinking and later families use besides: tests, macros with defaults, selected parts.
LATER = """{%- set seen = namespace(images=0) %}
{%- macro content_of(content, count, is_system=false) %}
{%- if content is string %}{{- content }}
{%- elif content is iterable and content is not mapping %}
{%- for item in content %}
{%- if 'image' in item or 'image_url' in item or item.type == 'image' %}
{%- if is_system %}{{- 'none' }}{%- endif %}{%- if count %}{%- set seen.images = seen.images + 1 %}{%- endif %}
{%- if add_vision_id %}{{- 'Picture ' ~ seen.images ~ ': ' }}{%- endif %}{{- '<image>' }}
{%- elif 'text' in item %}{{- item.text }}{%- else %}{{- raise_exception('Unexpected item') }}{%- endif %}
{%- endfor %}
{%- elif content is none or content is undefined %}{{- '' }}{%- endif %}
{%- endmacro %}
{%- for message in messages[::-1] %}{%- set index = (messages | length - 1) - loop.index0 %}
{{- message['role'].upper() + ': ' + content_of(message.content, true, message.role == 'system') | trim }}
{%- if loop.first == false and loop.previtem.role != message.role %}{{- index }}{%- endif %}
{%- if message.tool_calls is defined and message.tool_calls is not none %}{{- message.tool_calls | tojson }}{%- endif %}
{%- if message.content is not string %}
{%- for part in message.content | selectattr('type', 'equalto', 'text') %}
{%- generation %}{{- part['text'] + ' ' }}{%- endgeneration %}{%- endfor %}
{%- endif %}
{%- if seen.images > 3 %}{%- continue %}{%- endif %}{{- '%.1f' | format(seen.images) }}
{%- endfor %}"""

PART = st.one_of(
    st.just({"type": "image"}), st.builds(lambda text: {"type": "text", "text": text}, st.text(max_size=20))
)
MESSAGE = st.builds(
    lambda role, content: {"role": role, "content": content},
    st.sampled_from(["system", "user", "assistant"]),
    st.one_of(st.text(max_size=20), st.lists(PART, max_size=4)),
)


def plain(source: str, messages: Any) -> str:
    """Jinja as transformers sets it up."""
    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[jinja2.ext.loopcontrols, Tracker]
    )
    environment.filters["tojson"] = lambda value, **options: json.dumps(value, ensure_ascii=False, **options)
    return environment.from_string(source).render(messages=messages, add_generation_prompt=True)


@given(st.lists(MESSAGE, min_size=1, max_size=4))
@pytest.mark.parametrize("source", [RICH, LATER, checkpoints.TEMPLATE], ids=["rich", "later", "published"])
def test_a_bounded_template_writes_what_jinja_writes(source: str, messages: Any) -> None:
    assert ChatTemplate(source, "template").render(messages) == plain(source, messages)


class Tracker(jinja2.ext.Extension):
    """transformers 5.24's {% generation %}, whose block is the body of a call."""

    tags = frozenset({"generation"})

    def parse(self, parser: Any) -> nodes.Node:
        line = next(parser.stream).lineno
        body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
        return nodes.CallBlock(self.call_method("_text"), [], [], body).set_lineno(line)

    def _text(self, caller: Any) -> str:
        return str(caller())


GENERATION = {
    "part of a turn": "{% for m in messages %}{{ m.role }}:{% generation %}{{ m.content|string }}{% endgeneration %};"
    "{% endfor %}",
    "own lines": "{% for m in messages %}\n  {% generation %}\n  {{ loop.index }}\n  {% endgeneration %}\n{% endfor %}",
    "minus signs": "{% for m in messages %}\n {%- generation -%} {{ m.role }} {%- endgeneration -%} \n{% endfor %}",
    "whole turn": "{% for m in messages %}{% generation %}{% if m.content is string %}{{ m.content }}{% else %}"
    "{% for part in m.content %}{{ part.type }}{% endfor %}{% endif %}{% endgeneration %}{% endfor %}",
    "scope": "{% set x = 1 %}{% generation %}{% set x = 2 %}{{ x }}{% endgeneration %}{{ x }}",
    "twice": "{% for m in messages %}{% generation %}a{% endgeneration %}"
    "{% generation %}{{ m.role }}{% endgeneration %}{% endfor %}",
    "nothing": "{% generation %}{% endgeneration %}",
}


@pytest.mark.parametrize("source", GENERATION.values(), ids=list(GENERATION))
def test_a_generation_block_is_written_as_in_transformers(source: str) -> None:
    messages = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": [{"type": "text", "text": "yes"}]}]
    assert ChatTemplate(source, "template").render(messages) == plain(source, messages)


def test_a_generation_block_that_never_ends_is_broken() -> None:
    with pytest.raises(InputError, match="broken"):
        ChatTemplate("{% generation %}{{ 1 }}", "template")


@pytest.mark.parametrize(
    "source",
    [
        "{{ '<%.1f seconds>'|format(1.25) }}",
        "{{ '%s: %r, %05.2f %-8s|'|format('a', 'b', 2.5, 'c') }}",
        "{{ '%(name)s is %(age)d %%'|format(name='x', age=7) }}",
        "{{ '<%.1f seconds>' % 1.25 }}{{ '%d of %d' % (1, 2) }}{{ '%(a)s' % {'a': 'b'} }}{{ '%s' % [1, 2] }}",
        "{{ 'a\nb\nc'|indent }}{{ 'a\nb'|indent(2, true) }}{{ 'a\nb'|indent('> ') }}",
        "{{ 1.256|round(2) }}{{ 7.5|round }}{{ 149|round(-1, 'floor') }}",
    ],
)
def test_formats_are_written_as_jinja_writes_them(source: str) -> None:
    assert ChatTemplate(source, "template").render(user()) == plain(source, user())


def test_a_long_conversation_is_no_attack() -> None:
    messages = [{"role": "user", "content": [{"type": "text", "text": "words " * 200}]} for _ in range(4000)]
    assert len(ChatTemplate(checkpoints.TEMPLATE, "template").render(messages)) > 4000 * 1200


def user(text: str = "hello") -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


DOUBLE = "{% set s = namespace(v='ab') %}{% for n in range(99) %}{% set s.v = {} %}{% endfor %}{{ s.v|length }}"


@pytest.mark.parametrize(
    ("source", "named"),
    [
        # loops for ever
        ("{% for a in range(9999) %}{% for b in range(9999) %}{{ a }}{% endfor %}{% endfor %}", "end"),
        ("{% macro f(n) %}{% if n %}{{ f(n - 1) }}{{ f(n - 1) }}{% endif %}{% endmacro %}{{ f(60) }}", "end"),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "Recursion"),
        ("{% for x in [[0]] recursive %}{{ loop([[0]]) }}{% endfor %}", ""),
        ("{% for a in range(10**9) %}{% endfor %}", "range"),
        ("{{ 9 ** (9 ** (9 ** 9)) }}", "too large"),
        ("{{ (2 ** 4000) * (2 ** 4000) }}", "too large"),
        ("{{ 1.5|round(10 ** 9, 'ceil') }}", "round"),
        # fills the memory
        ("{{ 'x' * 10**12 }}", "characters"),
        ("{{ [0] * 10**12 }}", "items"),
        ("{{ 10**12 * 'x' }}", "characters"),
        (DOUBLE.replace("{}", "s.v ~ s.v"), "characters"),
        (DOUBLE.replace("{}", "s.v + s.v"), "characters"),
        (DOUBLE.replace("{}", "[s.v, s.v]"), "SecurityError"),
        (DOUBLE.replace("{}", "{'a': s.v, 'b': s.v}"), "SecurityError"),
        (DOUBLE.replace("{}", "(s.v, s.v)"), "SecurityError"),
        (DOUBLE.replace("{}", "dict(a=s.v, b=s.v)"), "SecurityError"),
        (DOUBLE.replace("{}", "s.v.replace('a', s.v)"), "characters"),
        (DOUBLE.replace("{}", "s.v|replace('a', s.v)"), "characters"),
        (DOUBLE.replace("{}", "s.v|replace(new=s.v, old='a')"), "characters"),
        (DOUBLE.replace("{}", "s.v.join([s.v, s.v, s.v])"), "characters"),
        (DOUBLE.replace("{}", "[s.v, s.v]|join(s.v)"), "characters"),
        (DOUBLE.replace("{}", "[s.v, s.v]|join(d=s.v)"), "characters"),
        (DOUBLE.replace("{}", "s.v|tojson|tojson|tojson"), "characters"),
        ("{% for n in range(9999) %}" + "x" * 100_000 + "{% endfor %}", "writes over"),
        ("{% macro f() %}" + "x" * 100_000 + "{% endmacro %}{% for n in range(999) %}{{ f() }}{% endfor %}", "over"),
        ("{% set s = 'x' * 10**6 %}{% for n in range(9999) %}{{ s }}{% endfor %}", "writes over"),
        ("{% generation %}{% for n in range(9999) %}" + "x" * 10**5 + "{% endfor %}{% endgeneration %}", "writes over"),
        ("{% for n in range(9999) %}{% generation %}" + "x" * 10**5 + "{% endgeneration %}{% endfor %}", "writes over"),
        ("{% for n in range(9999) %}{% set s %}" + "x" * 100_000 + "{% endset %}{% endfor %}", "writes over"),
        ("{{ '%999999999d' % 1 }}", "wider than 999"),
        ("{{ '%999999999d'|format(1) }}", "wider than 999"),
        ("{{ '%.999999999f'|format(1) }}", "wider than 999"),
        ("{{ '%*d' % (10**9, 1) }}", "wider than 999"),
        ("{{ '%(a)999999999s'|format(a=1) }}", "wider than 999"),
        ("{{ ('%999d' * 100000)|format(1) }}", "characters"),
        (DOUBLE.replace("{}", "'%s%s'|format(s.v, s.v)"), "characters"),
        (DOUBLE.replace("{}", "'%s%s' % (s.v, s.v)"), "SecurityError"),
        (DOUBLE.replace("{}", "'%(a)s%(a)s' % {'a': s.v}"), "SecurityError"),
        (DOUBLE.replace("{}", "s.v|indent(s.v, true)"), "characters"),
        ("{{ ('a\n' * 9999)|indent(999) }}", "characters"),
        ("{{ 'x'|indent(10**9) }}", "indent"),
        ("{{ 1.5|round(10 ** 9) }}", "round"),
        ("{{ '{:>999999999}'.format(1) }}", "format"),
        ("{{ '{0:>999999999}'.format_map({}) }}", "format"),
        ("{{ 'x'.center(10**9) }}", "'center'"),
        ("{{ 'x'|center(10**9) }}", "center"),
        ("{{ 'x'.zfill(10**9) }}", "'zfill'"),
        ("{{ (1).to_bytes(10**9, 'big') }}", "'to_bytes'"),
        ("{{ [1]|tojson(indent=10**9) }}", "indent"),
        ("{{ lipsum(n=10**6) }}", "lipsum"),
        # reaches out
        ("{{ messages.__class__ }}", "'__class__'"),
        ("{{ ''.__class__.__mro__[1].__subclasses__() }}", "'__class__'"),
        ("{{ messages|attr('__class__') }}", "'__class__'"),
        ("{{ messages['__class__'] }}", "'__class__'"),
        ("{{ messages.append(1) }}", "append"),
        ("{{ namespace.__init__.__globals__ }}", "'__init__'"),
        ("{{ cycler.next.__globals__ }}", "'__globals__'"),
        ("{% include '/etc/passwd' %}", "loader"),
        ("{% import 'os' as os %}", "loader"),
        ("{{ self._TemplateReference__context }}", "_TemplateReference__context"),
    ],
)  # fmt: skip
def test_a_template_that_runs_away_is_stopped(monkeypatch: pytest.MonkeyPatch, source: str, named: str) -> None:
    monkeypatch.setattr("mlx_saccade.checkpoint.chat_template._SECONDS", 2.0)
    tracemalloc.start()
    try:
        with pytest.raises(InputError) as error:
            ChatTemplate(source, "here/chat_template.jinja").render(user())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert str(error.value).startswith("here/chat_template.jinja: ")
    assert named in str(error.value)
    assert "\n" not in str(error.value)
    assert peak < 200 * 2**20


def test_bounds_are_each_renderings_own() -> None:
    template = ChatTemplate(
        "{% for n in range(9000) %}{% for m in range(30) %}{% endfor %}{% endfor %}done", "template"
    )
    assert [template.render(user()) for _ in range(4)] == ["done"] * 4


def test_a_long_text_of_the_users_may_be_copied() -> None:
    text = "x" * 6_000_000
    assert ChatTemplate("{{ messages[0].content ~ '!' }}", "template").render(user(text)) == text + "!"
