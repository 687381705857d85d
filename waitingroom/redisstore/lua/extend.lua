-- Extend prolongs a live session: request ID, and, if the visitor confirmed to be
-- there, the auth_time that the caller has seen.
local s, seen = load(A[1]), tonumber(A[2])
if not alive(s) or s.reserved == 1 then
  return done('nosession')
end
prolong(s)
if seen ~= 0 and s.auth <= seen then
  s.auth = math.max(r.now - r.now % 1000, seen + 1000)
end
put(s)
return done('', told(s))
