-- Advance deals positions in a row: node, its sequence number, how many.
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
redis.call('HSET', NODES, node, string.format('%d:%d', seq, first))
return done('', first)
