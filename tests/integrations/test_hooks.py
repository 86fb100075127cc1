"""The registry of attribute replacements."""

from __future__ import annotations

import gc
import types

import pytest

from mlx_saccade.integrations.mlx_vlm.hooks import Hooks


class Base:
    inherited = "class"


class Other(Base):
    pass


def test_restore_gives_back_every_kind_of_attribute() -> None:
    module, thing = types.ModuleType("upstream"), Base()
    module.__dict__["name"] = "original"
    thing.own = 1  # type: ignore[attr-defined]
    before = dict(vars(module)), dict(vars(thing)), type(thing)
    hooks = Hooks()
    assert hooks.replace(module, "name", "ours") == "original"
    assert hooks.replace(thing, "own", 2) == 1
    assert hooks.replace(thing, "inherited", "object") == "class"
    assert hooks.replace(thing, "__class__", Other) is Base
    assert (module.name, vars(thing), type(thing)) == ("ours", {"own": 2, "inherited": "object"}, Other)
    assert len(hooks) == 4
    assert hooks.restore() == ()
    assert (vars(module), vars(thing), type(thing)) == before
    assert len(hooks) == 0


def test_replacing_twice_is_undone_at_once() -> None:
    thing = types.SimpleNamespace(name=0)
    hooks = Hooks()
    hooks.replace(thing, "name", 1)
    assert hooks.replace(thing, "name", 2) == 1
    assert len(hooks) == 1
    hooks.restore()
    assert thing.name == 0


def test_an_added_attribute_is_removed() -> None:
    thing, hooks = Base(), Hooks()
    hooks.add(thing, "new", 1)
    hooks.add(thing, "new", 2)
    assert vars(thing) == {"new": 2}
    assert hooks.restore(thing) == ()
    assert vars(thing) == {}


def test_restore_of_one_owner_leaves_the_others() -> None:
    first, second = types.SimpleNamespace(name=0), types.SimpleNamespace(name=0)
    hooks = Hooks()
    for thing in (first, second):
        hooks.replace(thing, "name", 1)
    hooks.restore(first)
    assert (first.name, second.name) == (0, 1)


def test_restore_leaves_what_somebody_else_replaced_since() -> None:
    thing = types.SimpleNamespace(name=0)
    hooks = Hooks()
    hooks.replace(thing, "name", 1)
    thing.name = 2
    assert hooks.restore() == ("SimpleNamespace.name",)
    assert thing.name == 2


def test_an_owner_is_not_kept_alive() -> None:
    hooks, thing = Hooks(), Base()
    hooks.replace(thing, "inherited", 1)
    del thing
    gc.collect()
    assert len(hooks) == 0
    assert hooks.restore() == ()


def test_a_missing_attribute_is_an_error() -> None:
    with pytest.raises(AttributeError):
        Hooks().replace(types.ModuleType("upstream"), "gone", 1)
