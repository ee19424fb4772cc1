"""Redis keys: no two purposes share one, prefixes keep installations apart, a user's keys share a slot."""

from __future__ import annotations

import inspect
import re

from shared.keys import Keys


def every_key(prefix):
    """Each key the class makes, by its name; every argument is "x"."""
    keys = Keys(prefix)
    made = {}
    for name, member in inspect.getmembers(Keys):
        if name.startswith("_") or name in {"prefix", "state_of"}:
            continue
        if isinstance(member, property):
            made[name] = getattr(keys, name)
        else:
            made[name] = getattr(keys, name)(*["x"] * (len(inspect.signature(member).parameters) - 1))
    return made


def test_no_two_keys_are_the_same_and_all_have_the_prefix():
    made = every_key("shop")
    assert len(made) >= 10
    assert len(set(made.values())) == len(made)
    assert all(key.startswith("shop:") for key in made.values())
    assert not set(made.values()) & set(every_key("other").values())


def test_keys_of_one_user_carry_the_user_as_their_hash_tag():
    keys = Keys()
    for key in (*keys.state_of("ann"), keys.event_id("ann", "e1"), keys.collaborative_list("a1", "ann")):
        assert re.findall(r"\{(.*?)\}", key) == ["ann"]
    assert keys.collaborative_list("a1", "ann").startswith(keys.collaborative_prefix("a1"))
    assert keys.state_of("ann") == (keys.seen("ann"), keys.recent("ann"), keys.feedback("ann"), keys.viewed("ann"))
