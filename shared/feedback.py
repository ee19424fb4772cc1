"""What a user's interactions with one book come to: seen, positive, or only viewed. The rule for one book.

A *statement* is the part of an interaction that counts, as text: a letter and the time in seconds. `R` is a rating, `D`
a dismissal, `I` any other kind that counts as seen; in lower case it is seen but not positive. `V` is a view or click.

The newest rating or dismissal decides if there is a rating; otherwise the newest dismissal or other interaction does.
So a rating stands until a newer rating or a dismissal, and reading the book does not overrule it. At equal times a
rating decides before a dismissal, and a dismissal before the rest; of one letter, the last one. The order of arrival
matters for nothing else.

`services.batch.ingest.feedback` applies the rule to tables, and `LUA` to user state in Redis; property tests keep the
three equal.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from shared.settings import InteractionKind, UserStateSettings

VIEWED_KINDS: tuple[InteractionKind, ...] = ("view", "click")
UNDO_KIND = "undo"  # in the event stream: takes back an event; `value` holds its kind, the other fields are the event's
UNDO_EVENT_ID = "undo\x1f{}"  # no reported id holds a control character
_SLOTS = {"rating": "R", "dismiss": "D"}
_MAX_OF_A_SLOT = 3  # statements kept for each book and letter: what an undo can return to


def is_seen(kind: InteractionKind | str, settings: UserStateSettings) -> bool:
    """Whether the user has seen the book: it is not recommended again."""
    return kind in settings.seen_kinds


def is_viewed(kind: InteractionKind | str, settings: UserStateSettings) -> bool:
    """Whether the interaction shows interest only: the book's neighbors get a little weight."""
    return kind in VIEWED_KINDS and not is_seen(kind, settings)


def is_positive(kind: InteractionKind | str, value: float | None, settings: UserStateSettings) -> bool:
    """Whether the user liked the book.

    The kind must count as seen and as positive. A rating also needs a value of at least `settings.positive_rating`.
    Values of other kinds are ignored.
    """
    if not is_seen(kind, settings) or kind not in settings.positive_kinds:
        return False
    return kind != "rating" or (value is not None and value >= settings.positive_rating)


def slot_of(kind: InteractionKind | str, settings: UserStateSettings) -> str:
    """The letter of a kind's statements, in upper case."""
    return "V" if is_viewed(kind, settings) else _SLOTS.get(kind, "I")


def statement_of(
    kind: InteractionKind | str, value: float | None, seconds: float, settings: UserStateSettings
) -> str | None:
    """The statement of an interaction; `None` if its kind counts for nothing."""
    slot = slot_of(kind, settings)
    if slot != "V" and not is_seen(kind, settings):
        return None
    counts = slot == "V" or is_positive(kind, value, settings)
    return f"{slot if counts else slot.lower()}{seconds!r}"


def decided(statements: Iterable[str]) -> tuple[bool, float] | None:
    """Whether a user likes a book, and when: the statements in order of arrival. `None` if it was at most viewed.

    The time is that of the deciding statement; of a positive book, that of the newest positive one.
    """
    newest: dict[str, str] = {}
    for statement in statements:
        slot = statement[0].upper()
        if slot not in newest or _time_of(statement) >= _time_of(newest[slot]):
            newest[slot] = statement
    newest.pop("V", None)
    if not newest:
        return None
    by = newest[_deciding_slot({slot: _time_of(statement) for slot, statement in newest.items()})]
    if not by[0].isupper():
        return False, _time_of(by)
    return True, max(_time_of(statement) for statement in newest.values() if statement[0].isupper())


def _deciding_slot(times: dict[str, float]) -> str:
    dismissed = times.get("D", -math.inf)
    if "R" in times:
        return "D" if dismissed > times["R"] else "R"
    return "I" if times.get("I", -math.inf) > dismissed else "D"


def _time_of(statement: str) -> float:
    return float(statement[1:])


# The same rule in Redis. KEYS 1-4: a user's seen set, recent books, feedback and viewed books (`shared.keys`). ARGV
# 1-3: the bounds of seen, recent and viewed books. A script begins with this text and calls `hear` and `forget`.
LUA = """
local seen, recent, feedback, viewed = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local max_seen, max_recent, max_viewed = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])

local function slot_of(statement) return string.upper(string.sub(statement, 1, 1)) end
local function is_positive(statement) return slot_of(statement) == string.sub(statement, 1, 1) end
local function time_of(statement) return tonumber(string.sub(statement, 2)) end

-- the statement that decides or nil, of a positive book the time of its newest positive one, and the newest view or nil
local function deciding(statements)
  local newest = {}
  for _, statement in ipairs(statements) do
    local slot = slot_of(statement)
    if not newest[slot] or time_of(statement) >= time_of(newest[slot]) then newest[slot] = statement end
  end
  local decides, liked = newest.R or newest.I, nil
  if newest.D and not (decides and time_of(decides) >= time_of(newest.D)) then decides = newest.D end
  if newest.D and decides == newest.I and time_of(newest.I) == time_of(newest.D) then decides = newest.D end
  if decides and is_positive(decides) then
    for _, slot in ipairs({'R', 'I', 'D'}) do
      local statement = newest[slot]
      if statement and is_positive(statement) and (not liked or time_of(statement) > time_of(liked)) then
        liked = statement
      end
    end
  end
  return decides, liked and string.sub(liked, 2), newest.V
end

-- the statements about a book in order of arrival, without those of this slot and time
local function known(number, slot, time)
  local kept, record = {}, redis.call('HGET', feedback, number)
  if not record then  -- a book from a version without feedback
    local liked = redis.call('ZSCORE', recent, number)
    if liked then record = 'R' .. liked
    elseif redis.call('SISMEMBER', seen, number) == 1 then record = 'i0'
    else record = '' end
  end
  for statement in string.gmatch(record, '%S+') do
    if slot_of(statement) ~= slot or time_of(statement) ~= time then kept[#kept + 1] = statement end
  end
  return kept
end

local function add_seen(number)
  if redis.call('SISMEMBER', seen, number) == 1 then return end
  if redis.call('SCARD', seen) >= max_seen then redis.call('HDEL', feedback, redis.call('SPOP', seen)) end
  redis.call('SADD', seen, number)
end

-- store the statements about a book, and make the other keys follow
local function settle(number, statements)
  local decides, liked, view = deciding(statements)
  if #statements > 0 then redis.call('HSET', feedback, number, table.concat(statements, ' '))
  else redis.call('HDEL', feedback, number) end
  if decides then add_seen(number)
  elseif redis.call('SREM', seen, number) == 1 then redis.call('HINCRBY', feedback, 'revision', 1) end
  if liked then
    redis.call('ZADD', recent, liked, number)
    redis.call('ZREMRANGEBYRANK', recent, 0, -max_recent - 1)
  else
    redis.call('ZREM', recent, number)
  end
  if view and not decides then
    redis.call('ZADD', viewed, string.sub(view, 2), number)
    while redis.call('ZCARD', viewed) > max_viewed do
      redis.call('HDEL', feedback, redis.call('ZPOPMIN', viewed)[1])
    end
  else
    redis.call('ZREM', viewed, number)
  end
end

local function hear(number, statement)
  local slot, n_of_slot, oldest = slot_of(statement), 0, nil
  local statements = known(number, slot, time_of(statement))
  statements[#statements + 1] = statement
  for place, other in ipairs(statements) do
    if slot_of(other) == slot then
      n_of_slot = n_of_slot + 1
      if not oldest or time_of(other) < time_of(statements[oldest]) then oldest = place end
    end
  end
  if n_of_slot > MAX_OF_A_SLOT then table.remove(statements, oldest) end
  settle(number, statements)
end

local function forget(number, slot, time)
  settle(number, known(number, slot, tonumber(time)))
end
""".replace("MAX_OF_A_SLOT", str(_MAX_OF_A_SLOT))
