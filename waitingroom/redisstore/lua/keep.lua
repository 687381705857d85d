-- Keep stores a value unless there is one, for so many milliseconds or for ever, and
-- returns what is there afterwards: value, life.
local value, life = A[1], tonumber(A[2])
local held = kept()
if held then
  return written(held)
end
-- The first write is one that a server whose memory is full refuses.
if life == 0 then
  redis.call('HSET', KEYS[1], 'v', value, 'until', 0)
  redis.call('PERSIST', KEYS[1])
else
  redis.call('HSET', KEYS[1], 'v', value, 'until', now + life)
  -- Redis takes it away a minute later, since its clock isn't always the one above.
  redis.call('PEXPIRE', KEYS[1], life + 60000)
end
return value
