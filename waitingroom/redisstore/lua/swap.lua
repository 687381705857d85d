-- Swap puts a value in the place of another, whose life stays as it was, and returns
-- what is there afterwards: the old value, the new one.
local old, value = A[1], A[2]
local held = kept()
if held and (held == old or held == value) then
  return written(value)
end
return held
