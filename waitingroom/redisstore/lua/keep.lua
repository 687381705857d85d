-- Keep stores a value unless there is one, for ARGV[3] milliseconds or for ever, and
-- returns what is there afterwards.
local value = kept()
if value then
  return value
end
local life = tonumber(ARGV[3])
redis.call('DEL', KEYS[1])
if life == 0 then
  redis.call('HSET', KEYS[1], 'v', ARGV[2], 'until', 0)
else
  redis.call('HSET', KEYS[1], 'v', ARGV[2], 'until', now + life)
  redis.call('PEXPIRE', KEYS[1], life)
end
return ARGV[2]
