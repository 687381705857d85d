-- The part that the verbs of the vault share. KEYS[1] is a hash: value v, and
-- until, when its life ends in milliseconds since 1970, or 0 for never. ARGV[1] is a
-- clock that tests turn, and else empty; ARGV[2] is how many replicas are to confirm. A
-- is the rest.

local A = { unpack(ARGV, 3) }

local now = tonumber(ARGV[1])
if not now then
  local time = redis.call('TIME')
  now = time[1] * 1000 + math.floor(time[2] / 1000)
end

-- kept returns the value, or false.
local function kept()
  local found = redis.call('HMGET', KEYS[1], 'v', 'until')
  local ends = tonumber(found[2] or '0')
  if found[1] and (ends == 0 or ends > now) then
    return found[1]
  end
  return false
end

-- written stores a value in the place of the one that is kept, and returns it. That may
-- be the same: what replicas confirm is the connection's latest write, so a call that
-- was repeated after a lost reply writes again.
local function written(value)
  if value ~= kept() or tonumber(ARGV[2]) > 0 then
    redis.call('HSET', KEYS[1], 'v', value)
  end
  return value
end
