-- End ends a live session: request ID, status, until when it holds its slot.
local s, status, holds = load(A[1]), tonumber(A[2]), tonumber(A[3])
if not s or status == 0 then
  return done('nosession')
end
if not alive(s) then
  if s.status == status then
    return done()
  end
  return done('nosession')
end
finish(s, status, holds)
return done()
