-- Remember notes which place a browser was dealt, under KEYS[1]: request ID, one
-- that is of no more use, and for how many milliseconds.
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[2] then
  return held
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
return ARGV[1]
