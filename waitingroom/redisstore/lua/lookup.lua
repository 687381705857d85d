-- Lookup says how a place stands: request ID, generation, position.
local id, generation, position = A[1], tonumber(A[2]), tonumber(A[3])
local s, err = claimant(id, generation)
if err == 'spent' or err == 'expired' then
  return done('', err, 0)
end
if err then
  return done(err)
end
if s then
  return done('', 'active', 0, told(s))
end
if position > r.serving then
  return done('', 'waiting', 0)
end
local closes, open = window(position)
if not open then
  return done('', 'expired', 0)
end
if spent(position, closes) then
  return done('', 'spent', 0)
end
return done('', 'served', closes)
