-- Sweep gives up places whose window has closed and ends sessions that ran
-- out, at most limit of each.
local limit = tonumber(A[1])
local places, again, sessions, n = 0, 0, 0, 0

local gone = {}
if limit > 0 then
  gone = redis.call('ZRANGE', LOG, 0, limit - 1)
end
for _, member in ipairs(gone) do
  local upto, at = string.match(member, '(%d+):(%d+)')
  upto, at = tonumber(upto), tonumber(at)
  if r.now <= at + r.ttl + EXPIRY_GRACE then
    break
  end
  local bits = count(r.expired, upto)
  local missed = upto - r.expired - bits
  r.accounted = r.accounted - bits
  r.expired = upto
  r.missed = r.missed + missed
  places = places + missed
  if upto > r.lost then -- Of the others nobody knows who claimed before the loss.
    again = again + missed
  end
  n = n + 1
  redis.call('ZREM', LOG, member)
end

-- Positions that have expired need no bits. Moving the rest down costs as much
-- as the rest is long, so it waits until as much can go.
local useless = math.floor((r.expired + 1 - r.base) / 8)
if useless >= 4096 and useless * 2 >= redis.call('STRLEN', BITS) then
  local rest = redis.call('GETRANGE', BITS, useless, -1)
  if rest == '' then
    redis.call('DEL', BITS)
  else
    redis.call('SET', BITS, rest)
  end
  r.base = r.base + useless * 8
end

if again > 0 and r.reuse == 1 and r.open == 0 and r.cap == 0 then
  r.serving = within(beyond(r.serving, r.serving + again))
  r.ver = r.ver + 1
  rise()
end
refill()

-- looked looks at a session whose reminder came, and returns 1 if it ran out.
local function looked(id)
  local s, ran = load(id), 0
  if not s then
    return 0
  end
  if s.status == 0 then
    if alive(s) then
      remind(s.expires, 's', id) -- It was extended.
      return 0
    end
    finish(s, -1, 0)
    ran = 1
  end
  if s.holds ~= 0 then
    if s.holds > r.now then
      return 0 -- It has a later reminder.
    end
    s.holds = 0
    put(s)
    r.alive = r.alive - 1
    refill()
  end
  if s.position <= r.expired or r.ttl == 0 then
    redis.call('HDEL', SESSIONS, id)
    return ran
  end
  -- The row has to tell this spent place from a fresh one until the place has
  -- expired.
  local closes, open = window(s.position)
  if not open then
    closes = r.now
  end
  remind(closes + 2 * EXPIRY_GRACE, 's', id)
  return ran
end

local due = {}
if limit > 0 then
  due = redis.call('ZRANGEBYSCORE', REMINDERS, '-inf', r.now, 'LIMIT', 0, limit)
end
if #due > 0 then
  redis.call('ZREM', REMINDERS, unpack(due))
end
for _, member in ipairs(due) do
  -- A code goes by its own expiry.
  if string.sub(member, 15, 15) == 's' then
    sessions = sessions + looked(string.sub(member, 16))
  end
end

if n > 0 or #due > 0 then
  changed()
end
local more = 0
if #due == limit or n == limit then
  more = 1
end
return done('', sessions, places, more)
