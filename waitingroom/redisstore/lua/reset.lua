-- Reset empties the room and starts a generation that was never used: an
-- operator's op, and the generation that the operator meant to end. Nothing is
-- stored yet under the new generation's names.
local op, expected = A[1], tonumber(A[2])
if known(op) then
  return done()
end
if r.gen ~= expected then
  return done('conflict')
end
begin(math.max(r.gen + 1, r.now))
refill()
remember(op)
return done()
