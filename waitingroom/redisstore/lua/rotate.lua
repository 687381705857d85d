-- Rotate moves a grant to its next refresh token: request ID, generation, grant,
-- number, grace.
local id, generation, name, number, grace = A[1], tonumber(A[2]), A[3], tonumber(A[4]), A[5] == '1'
local s = load(id)
local n = alive(s) and grant(s, name)
if not n or generation ~= r.gen then
  return done('nosession')
end
local g = s.grants[n]
if number == g.number then
  g.number = g.number + 1
  g.rotated = r.now
elseif not (grace and number + 1 == g.number and r.now - g.rotated <= ROTATE_GRACE) then
  revoke(id, name)
  return done('replayed')
end
prolong(s)
put(s)
return done('', told(s), n)
