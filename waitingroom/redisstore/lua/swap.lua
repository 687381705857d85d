-- Swap puts ARGV[3] in the place of ARGV[2], whose life stays as it was, and returns
-- what is there afterwards.
local value = kept()
if value ~= ARGV[2] then
  return value
end
redis.call('HSET', KEYS[1], 'v', ARGV[3])
return ARGV[3]
