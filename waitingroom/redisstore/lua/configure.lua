-- Configure applies settings unless a later revision is in force: revision,
-- ttl, sttl, smax, open, cap, reuse.
local revision = tonumber(A[1])
if revision < r.rev then
  return done()
end
local had, same = r.ttl ~= 0, revision == r.rev
for i, name in ipairs({ 'ttl', 'sttl', 'smax', 'open', 'cap', 'reuse' }) do
  local value = tonumber(A[1 + i])
  same = same and r[name] == value
  r[name] = value
end
if same then
  return done()
end
r.rev = revision
if r.ttl == 0 then
  redis.call('DEL', LOG)
elseif not had then
  -- The rows of sessions that ended while places lived for ever are gone.
  r.sealed = r.dealt
  if r.frontier > r.expired then
    -- What was served meanwhile gets a whole window from now.
    redis.call('DEL', LOG)
    log(r.frontier, r.now)
  end
end
if r.open == 1 and r.serving < r.dealt then
  r.serving = r.dealt
  r.ver = r.ver + 1
  rise()
end
refill()
changed()
return done()
