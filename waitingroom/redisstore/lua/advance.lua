-- Advance deals positions in a row: node, its sequence number, how many.

-- For how long a node's last call is kept once there are many.
local NODE_LIFE, MANY_NODES = 600000, 100

local node, seq, n = A[1], tonumber(A[2]), tonumber(A[3])
local last = redis.call('HGET', NODES, node)
if last then
  local number, first = string.match(last, '(%d+):(%d+)')
  if seq < tonumber(number) then
    return done('conflict')
  end
  if seq == tonumber(number) then
    return done('', tonumber(first))
  end
end
local first = r.dealt + 1
if r.dealt + n > MAX_POSITION then
  return done('exhausted')
end
arrive(r.dealt + n)
redis.call('HSET', NODES, node, string.format('%d:%d:%d', seq, first, r.now))

-- Each start of a process is a node of its own. Those that have not asked for long
-- repeat nothing any more.
if not last and redis.call('HLEN', NODES) > MANY_NODES then
  local all = redis.call('HGETALL', NODES)
  for i = 1, #all, 2 do
    local at = string.match(all[i + 1], ':(%d+)$')
    if r.now - tonumber(at) > NODE_LIFE then
      redis.call('HDEL', NODES, all[i])
    end
  end
end
return done('', first)
