-- The part that the verbs of the vault share. KEYS[1] is a hash: value v, and
-- until, when its life ends in milliseconds since 1970, or 0 for never. ARGV[1] is a
-- clock that tests turn, and else empty.

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
