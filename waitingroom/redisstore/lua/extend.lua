-- Extend prolongs a live session: request ID, whether the visitor confirmed.
local s = load(A[1])
if not alive(s) or s.reserved == 1 then
  return done('nosession')
end
prolong(s)
if A[2] == '1' then
  s.auth = math.max(r.now - r.now % 1000, s.auth + 1000)
end
put(s)
return done('', told(s))
