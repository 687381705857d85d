-- Counters says how the room stands, and which nodes have asked lately: the
-- caller's name, or '' for nobody's.
local node = A[1]
if node ~= '' then
  local heard = tonumber(redis.call('ZSCORE', MEMBERS, node) or '0')
  if r.now - heard >= HEARD_EVERY then
    redis.call('ZADD', MEMBERS, r.now, node)
    redis.call('ZREMRANGEBYSCORE', MEMBERS, '-inf', r.now - MEMBER_LIFE)
  end
end
return done('', redis.call('ZRANGE', MEMBERS, 0, -1))
