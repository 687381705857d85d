-- Serve moves the serving counter: by, to or '', an operator's op or '', and of
-- an inlet holder, fence, version and anchor.
local by, to, op = tonumber(A[1]), tonumber(A[2]), A[3]
local holder, fence, version, anchor = A[4], tonumber(A[5]), tonumber(A[6]), tonumber(A[7])
if op == '' then
  if holder ~= r.holder or fence ~= r.fence or r.now >= r.lease or version ~= r.ver then
    return done('conflict')
  end
elseif known(op) then
  return done()
else
  remember(op)
end
local target = within(to or beyond(r.serving, r.serving + by))
if r.cap ~= 0 then
  target = r.serving
end
if anchor ~= 0 then
  r.anchor = anchor
end
changed()
r.ver = r.ver + 1
if target > r.serving then
  r.serving = target
  rise()
elseif target < r.serving then
  r.serving = target
  r.epoch = r.epoch + 1
  fall()
end
return done()
