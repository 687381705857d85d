-- TakeCode redeems a code, CODE: client, binding, op, and the grant that its
-- login leads to.
local client, binding, op = A[1], A[2], A[3]
local row = redis.call('GET', CODE)
if not row then
  return done('nosession')
end
local f = cmsgpack.unpack(row)
local id, login, bound, owner, payload, auth, expires, taken = f[2], f[3], f[4], f[5], f[6], f[7], f[8], f[9]
if owner ~= client or bound ~= binding or r.now > expires + TAKEN_LIFE then
  return done('nosession')
end
local name = string.sub(login, 1, 8)
if taken ~= '' and taken ~= op then
  revoke(id, name)
  return done('replayed')
end
local s = load(id)
if not alive(s) then
  return done('nosession')
end
local n
for i, g in ipairs(s.grants) do
  if g.id == name then
    n = i
  end
end
if taken ~= '' then
  if not n or s.grants[n].ended == 1 then
    return done('nosession')
  end
  return done('', told(s), n, payload)
end
if n or r.now > expires then
  return done('nosession')
end
local forget = expires + TAKEN_LIFE
redis.call('SET', CODE, cmsgpack.pack({ 1, id, login, bound, owner, payload, auth, expires, op }), 'PX', forget - r.now)
remind(forget, 'c', string.sub(CODE, -32))

-- A client has so many grants at most: its oldest ended one goes, or its oldest.
local held, oldest, ended = 0, nil, nil
for i, g in ipairs(s.grants) do
  if g.client == client then
    held = held + 1
    oldest = oldest or i
    if g.ended == 1 then
      ended = ended or i
    end
  end
end
if held >= MAX_GRANTS then
  table.remove(s.grants, ended or oldest)
end
s.grants[#s.grants + 1] = { id = name, client = client, auth = auth, redeemed = r.now, number = 0, rotated = r.now, ended = 0 }
local rounds = {}
for _, round in ipairs(s.rounds) do
  if round[5] ~= client then -- Its own way round led in.
    rounds[#rounds + 1] = round
  end
end
s.rounds = rounds
put(s)
return done('', told(s), #s.grants, payload)
