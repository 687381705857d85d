-- Lease takes or prolongs the inlet's lease: holder, for how long.
local holder, d = A[1], tonumber(A[2])
if r.holder ~= holder and r.now < r.lease then
  return done('conflict', r.holder, r.fence, r.lease)
end
if r.holder ~= holder or r.now >= r.lease then
  r.holder = holder
  r.fence = r.fence + 1
  r.ver = r.ver + 1
  changed()
end
r.lease = math.max(r.lease, r.now + d)
return done('', r.holder, r.fence, r.lease)
