"""The Lua scripts of the request path. Each touches the keys of one user, or the stream alone."""

from shared.feedback import LUA

READ = """
-- KEYS: the collaborative list, recent books, seen set, feedback and viewed books of a user
-- ARGV: number of recent books, size of the largest seen set to return, time of the night's newest interaction, number
--       of viewed books, size and revision of the caller's cached seen set (-1: none); below its bound a seen set only
--       grows within a revision, so an equal size means an equal set
-- returns: packed list or false, recent books newest first joined by commas, how many of all recent books are newer
--          than the night, size of the seen set, its revision, seen books joined by commas, or false for a set that is
--          cached or too long, and viewed books newest first joined by commas
local n_seen, revision, seen = redis.call('SCARD', KEYS[3]), redis.call('HGET', KEYS[4], 'revision') or '0', false
if (n_seen ~= tonumber(ARGV[5]) or revision ~= ARGV[6]) and n_seen <= tonumber(ARGV[2]) then
  seen = table.concat(redis.call('SMEMBERS', KEYS[3]), ',')
end
return {
  redis.call('GET', KEYS[1]),
  table.concat(redis.call('ZREVRANGE', KEYS[2], 0, ARGV[1] - 1), ','),
  redis.call('ZCOUNT', KEYS[2], ARGV[3], '+inf'),
  n_seen,
  revision,
  seen,
  tonumber(ARGV[4]) > 0 and table.concat(redis.call('ZREVRANGE', KEYS[5], 0, ARGV[4] - 1), ',') or ''
}
"""

APPEND = """
-- KEYS: the stream
-- ARGV: for each event its id, user, book id, kind, value and time
for i = 1, #ARGV, 6 do
  redis.call('XADD', KEYS[1], '*', 'event', ARGV[i], 'user', ARGV[i + 1], 'book', ARGV[i + 2], 'kind', ARGV[i + 3],
             'value', ARGV[i + 4], 'time', ARGV[i + 5])
end
"""

TAKE = (
    LUA
    + """
-- KEYS: see above, then the id key of each event of the user
-- ARGV: see above, seconds to remember an id, then for each event its item index, its statement or nothing, and what
--       its id key holds
-- returns, for each event, 1 if its id was new and 0 if it was taken
local taken = {}
for i = 5, #KEYS do
  local a = 5 + 3 * (i - 5)
  if redis.call('EXISTS', KEYS[i]) == 1 then
    taken[#taken + 1] = 0
  else
    if ARGV[a + 1] ~= '' then hear(ARGV[a], ARGV[a + 1]) end
    redis.call('SET', KEYS[i], ARGV[a + 2], 'EX', ARGV[4])
    taken[#taken + 1] = 1
  end
end
return taken
"""
)

UNDO = (
    LUA
    + """
-- KEYS: see above, then the id key of the event
-- ARGV: see above, the item index, the slot and the time of the event's statement
forget(ARGV[4], ARGV[5], ARGV[6])
redis.call('SET', KEYS[5], 'undone', 'KEEPTTL')
"""
)
