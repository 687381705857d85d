-- Claim takes up a turn: request ID, generation, position, holder, take, and of a
-- code hash, login, client, binding, payload and life. 
local id, generation, position, holder, take = A[1], tonumber(A[2]), tonumber(A[3]), A[4], A[5] == '1'

local reserves, codes = #A == 9, #A == 11

local function admit()
  if position > r.dealt then
    return nil, 'unsettled'
  end
  if position > r.serving then
    return nil, 'notserved'
  end
  local closes, open = window(position)
  if not open then
    return nil, 'expired'
  end
  if spent(position, closes) then
    return nil, 'spent'
  end
  if r.cap ~= 0 and r.alive >= r.cap then
    return nil, 'full'
  end
  if not accounted(position) then
    redis.call('SETBIT', BITS, position - r.base, 1)
    if position > r.expired and position <= r.frontier then
      r.accounted = r.accounted + 1
    end
  end
  local s = {
    id = id, status = 0, position = position, holder = holder, admitted = r.now, auth = r.now - r.now % 1000,
    expires = r.now + r.sttl, holds = 0, reserved = 0, rounds = {}, grants = {},
  }
  if reserves then
    s.reserved = 1
    if r.ttl ~= 0 then
      s.expires = r.now + math.min(r.ttl, r.sttl)
    end
  end
  put(s)
  remind(s.expires, 's', id)
  r.alive = r.alive + 1
  r.admitted = r.admitted + 1
  refill()
  return s
end

local s, err = claimant(id, generation)
if err then
  return done(err)
end
if not s then
  s, err = admit()
  if err then
    return done(err)
  end
end
if s.holder ~= holder then
  if not take then
    return done('held')
  end
  s.holder = holder
  put(s)
end

-- round notes that the visitor is sent to start a login afresh, or returns an
-- error's name if that is the next turn of a loop.
local function round(op, client, login, received)
  local kept, counted, again, last = 0, 0, false, nil
  for _, was_sent in ipairs(s.rounds) do
    if was_sent[1] == op then
      return nil -- A repeated call.
    end
    if was_sent[5] == client then
      kept = kept + 1
      again = again or was_sent[2] == login
      if was_sent[4] == 1 then
        counted, last = counted + 1, was_sent[3]
      end
    end
  end
  -- A login that had come in before the last round didn't come of it: it is that
  -- of another tab. When it came in is known to the second.
  local counts = again or not last or received >= last - last % 1000 or kept >= KEPT_ROUNDS
  if counts and counted >= MAX_ROUNDS then
    return 'sentround'
  end
  s.rounds[#s.rounds + 1] = { op, login, r.now, counts and 1 or 0, client }
  put(s)
end

if reserves then
  return done(round(A[6], A[7], A[8], tonumber(A[9])), told(s))
end
if codes then
  if s.reserved == 1 then
    -- The visit begins with its first code.
    s.reserved, s.admitted, s.auth, s.expires = 0, r.now, r.now - r.now % 1000, r.now + r.sttl
    put(s)
    remind(s.expires, 's', id)
  end
  if redis.call('EXISTS', CODE) == 0 then
    local life = tonumber(A[11])
    local expires = r.now + life
    -- request ID, login, binding, client, payload, auth_time, expires, taken by
    local row = cmsgpack.pack({ 1, id, A[7], A[9], A[8], A[10], s.auth, expires, '' })
    -- The row says when it ends. Redis takes it away a minute later, since its clock
    -- isn't quite the room's.
    redis.call('SET', CODE, row, 'PX', life + 60000)
    remind(expires + 1, 'c', A[6])
    changed()
  end
end
return done('', told(s))
