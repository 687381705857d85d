-- Revoke ends a grant, and with the last one the session: request ID, grant, until
-- when the session then holds its slot.
local s = revoke(A[1], A[2])
if s then
  local left = false
  for _, g in ipairs(s.grants) do
    left = left or g.ended == 0
  end
  if not left then
    finish(s, 1, tonumber(A[3]))
  end
end
return done()
