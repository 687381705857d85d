-- Settle merges what a node knows by maximum, and after a loss opens the room
-- when every node that is known of has done so, or after a while: node; its
-- generation, dealt, serving, epoch, expired, sequence, version; its settings:
-- revision, ttl, sttl, smax, open, cap, reuse; by how much the line grew in the last two
-- seconds; how long to wait for others; the generation that it was told of by the
-- store, while the one above may be a ticket's; and the nodes that it knows of.
local node, window, told_of = A[1], tonumber(A[17]), tonumber(A[18])
local f, order = {}, {
  'gen', 'dealt', 'serving', 'epoch', 'expired', 'seq', 'ver', 'rev', 'ttl', 'sttl', 'smax', 'open', 'cap', 'reuse', 'growth',
}
for i, name in ipairs(order) do
  f[name] = tonumber(A[1 + i])
end

-- ahead reports whether the node knows of what the store doesn't.
local function ahead()
  return f.gen > r.gen or f.gen == r.gen
    and (f.dealt > r.dealt or f.epoch > r.epoch or f.epoch == r.epoch and f.serving > r.serving)
end

-- A ticket that the store doesn't know of is merged at once.
lost = r.inc ~= incarnation or r.settling ~= 0 or r.gen < told_of or r.gen == told_of and r.seq < f.seq
if lost then
  -- The window goes by the clock as it is: the room's time stands still while
  -- that is behind, as it may be after a failover.
  if r.settling == 0 then
    r.settling = CLOCK
    r.growth = 0
    redis.call('DEL', REPORTS)
    for _, member in ipairs(redis.call('ZRANGEBYSCORE', MEMBERS, r.now - MEMBER_LIFE, '+inf')) do
      redis.call('HSETNX', REPORTS, member, 0)
    end
  end
  r.settling = math.min(r.settling, CLOCK)
  if r.gen < told_of or r.seq < f.seq or ahead() then
    r.rewound = 1
  end
  -- The arithmetic below needs the settings, which no node has to repeat later.
  if f.rev > r.rev then
    for _, name in ipairs({ 'rev', 'ttl', 'sttl', 'smax', 'open', 'cap', 'reuse' }) do
      r[name] = f[name]
    end
  end
end

local before = { gen = r.gen, dealt = r.dealt, serving = r.serving, epoch = r.epoch }
if f.gen > r.gen then
  begin(f.gen)
  refill()
end
if f.gen == r.gen then
  if lost and f.expired > r.expired then
    r.expired = f.expired
    r.accounted = count(r.expired, math.max(r.expired, r.frontier))
    redis.call('ZREMRANGEBYSCORE', LOG, '-inf', r.expired)
  end
  arrive(math.min(f.dealt, MAX_POSITION))
  if f.epoch > r.epoch or f.epoch == r.epoch and f.serving > r.serving then
    r.epoch = f.epoch
    r.serving = within(f.serving)
    r.ver = r.ver + 1
    fall()
    rise()
  end
  refill()
end
r.seq, r.ver = math.max(r.seq, f.seq), math.max(r.ver, f.ver)
local begun = was.inc ~= '' or r.seq > 0 or r.dealt > 0 -- Somebody has heard of this room.
if lost and begun or r.gen ~= before.gen or r.dealt ~= before.dealt or r.serving ~= before.serving or r.epoch ~= before.epoch then
  changed()
end
if not lost then
  return done()
end

-- Who has reported, and who has not?
r.growth = math.max(r.growth, f.growth)
redis.call('HSET', REPORTS, node, 1)
for i = 19, #A do
  redis.call('HSETNX', REPORTS, A[i], 0)
end
local missing = false
for _, reported in ipairs(redis.call('HVALS', REPORTS)) do
  missing = missing or reported == '0'
end
-- To a node that has just started nobody is known; somebody may be there who knows
-- more.
local alone = #A < 19
if (missing or alone) and CLOCK < r.settling + window then
  return done('forgotten')
end

local jump, lacks = 0, missing or r.rewound == 1
if missing or alone and r.rewound == 1 then
  -- Whoever is missing may have seen more positions dealt than are known here. So
  -- may have nodes that are all gone, if what is known comes from state_dir or tickets.
  jump = math.min(math.max(64, 2 * r.growth), MAX_POSITION - r.dealt)
  skip(r.dealt, r.dealt + jump)
  arrive(r.dealt + jump)
end
if lacks then
  -- What was claimed may be forgotten: everybody who was served may claim again,
  -- and how many are on the site is known when they have had the time for it.
  r.lost = r.frontier
  redis.call('DEL', LOG)
  if r.ttl ~= 0 and r.frontier > r.expired then
    log(r.frontier, r.now)
  end
  if r.cap ~= 0 then
    r.full = r.now + r.ttl
  end
end
r.inc, r.settling, r.rewound = incarnation, 0, 0
refill()
redis.call('DEL', REPORTS)
if not begun then
  return done()
end
changed()
-- What an operator should know: how many positions were left out, and whether
-- somebody's claim may be forgotten.
return done('', jump, lacks and 1 or 0)
