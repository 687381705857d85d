-- May returns what the user isn't allowed to do of all that the scripts do: each
-- command, with an example of its arguments. A script that is stopped in its
-- middle has done half of its work, so this is asked before.
local room, kept = '{anteroom}:r', 'kept:anteroom'
local lacks = {}
if not redis.acl_check_cmd then
  return lacks -- A server that says it is new enough, and has no users.
end
for _, example in ipairs({
  { 'BITCOUNT', room, '0', '0', 'BIT' },
  { 'DEL', room },
  { 'EXISTS', room },
  { 'GET', room },
  { 'GETBIT', room, '0' },
  { 'GETRANGE', room, '0', '1' },
  { 'HDEL', room, 'f' },
  { 'HGET', room, 'f' },
  { 'HGETALL', room },
  { 'HLEN', room },
  { 'HMGET', room, 'f' },
  { 'HMGET', kept, 'f' },
  { 'HSET', room, 'f', 'v' },
  { 'HSET', kept, 'f', 'v' },
  { 'HSETNX', room, 'f', 'v' },
  { 'HVALS', room },
  { 'INCR', room },
  { 'INFO', 'replication' },
  { 'LPOS', room, 'e' },
  { 'LPUSH', room, 'e' },
  { 'LTRIM', room, '0', '1' },
  { 'PERSIST', kept },
  { 'PEXPIRE', room, '1' },
  { 'PEXPIRE', kept, '1' },
  { 'SET', room, 'v' },
  { 'SETBIT', room, '0', '1' },
  { 'SETRANGE', room, '0', 'v' },
  { 'SPUBLISH', '{anteroom}:news', 'm' },
  { 'STRLEN', room },
  { 'TIME' },
  { 'UNLINK', room },
  { 'ZADD', room, '0', 'm' },
  { 'ZRANGE', room, '0', '1' },
  { 'ZRANGEBYSCORE', room, '0', '1' },
  { 'ZREM', room, 'm' },
  { 'ZREMRANGEBYSCORE', room, '0', '1' },
  { 'ZSCORE', room, 'm' },
}) do
  if not redis.acl_check_cmd(unpack(example)) then
    lacks[#lacks + 1] = example[1] .. ' ' .. (example[2] or '')
  end
end
return lacks
