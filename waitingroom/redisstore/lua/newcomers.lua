-- Newcomers counts one more under KEYS[1], and forgets all after ARGV[1] milliseconds
-- without another.
local n = redis.call('INCR', KEYS[1])
redis.call('PEXPIRE', KEYS[1], ARGV[1])
return n
