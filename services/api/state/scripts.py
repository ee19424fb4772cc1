"""The two Lua scripts of the request path: one reads the state of users, one records a batch of events.

Both touch keys of several users at once, which Redis Cluster does not allow; see `docs/decisions/0004-one-redis.md`.
"""

READ = """
-- KEYS: for each request its collaborative list, recent books and seen set
-- ARGV: number of recent books, size of the largest seen set to return, time of the night's newest interaction, then
--       for each request the size of the caller's cached seen set (-1: none); below its bound a seen set only
--       grows, so an equal size means an equal set
-- returns, for each request: packed list or false, recent books newest first joined by commas, how many of all recent
--          books are newer than the night, size of the seen set, seen books joined by commas, or false for a set that
--          is cached or too long
local answers = {}
for i = 1, #KEYS, 3 do
  local n_seen, seen = redis.call('SCARD', KEYS[i + 2]), false
  if n_seen ~= tonumber(ARGV[4 + (i - 1) / 3]) and n_seen <= tonumber(ARGV[2]) then
    seen = table.concat(redis.call('SMEMBERS', KEYS[i + 2]), ',')
  end
  answers[#answers + 1] = {
    redis.call('GET', KEYS[i]),
    table.concat(redis.call('ZREVRANGE', KEYS[i + 1], 0, ARGV[1] - 1), ','),
    redis.call('ZCOUNT', KEYS[i + 1], ARGV[3], '+inf'),
    n_seen,
    seen
  }
end
return answers
"""

TAKE_EVENTS = """
-- KEYS: the stream, then for each event its id key, the user's seen set and recent books
-- ARGV: seconds to remember an id, bound of the seen set, bound of the recent books, then for each event
--       id, user, book id, item index, kind, value, time, 1 if seen, 1 / -1 / 0 if positive / negative / neither
-- returns, for each event, 1 if recorded and 0 if its id is known
local remember, max_seen, max_recent = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
local taken = {}
for i = 0, (#KEYS - 1) / 3 - 1 do
  local id_key, seen, recent = KEYS[2 + 3 * i], KEYS[3 + 3 * i], KEYS[4 + 3 * i]
  local a = 3 + 9 * i
  local number, time = ARGV[a + 4], ARGV[a + 7]
  if redis.call('SET', id_key, 1, 'NX', 'EX', remember) then
    if ARGV[a + 8] == '1' then
      if redis.call('SCARD', seen) >= max_seen and redis.call('SISMEMBER', seen, number) == 0 then
        redis.call('SPOP', seen)
      end
      redis.call('SADD', seen, number)
    end
    if ARGV[a + 9] == '1' then
      redis.call('ZADD', recent, 'GT', time, number)
      redis.call('ZREMRANGEBYRANK', recent, 0, -max_recent - 1)
    elseif ARGV[a + 9] == '-1' then
      redis.call('ZREM', recent, number)
    end
    redis.call('XADD', KEYS[1], '*', 'event', ARGV[a + 1], 'user', ARGV[a + 2], 'book', ARGV[a + 3],
               'kind', ARGV[a + 5], 'value', ARGV[a + 6], 'time', time)
    taken[#taken + 1] = 1
  else
    taken[#taken + 1] = 0
  end
end
return taken
"""
