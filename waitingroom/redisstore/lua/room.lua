-- The part that all verbs share: a room's record, and the arithmetic on it. It
-- stands before the text of each verb, which ends with "return done(…)".
--
-- The state of a room lies under one hash tag, so that a cluster keeps it
-- together:
--
--   {room}:r       hash    the record: counters, settings, lease
--   {room}:ops     list    the latest operators' orders, newest first
--   {room}:m       zset    nodes: score when last heard of
--   {room}:t       hash    while the store is being settled, node -> reported or not
--   {room}:w:F     string  how many new browsers came from somewhere in this moment
--   {room}:w:W     string  how many new browsers came from one place just now
--   {room}:G:n     hash    node -> its last Advance: number, first position, time
--   {room}:G:log   zset    rises of the frontier: score upto, member "upto:at"
--   {room}:G:b     string  the accounted bitmap; bit 0 is position r.base
--   {room}:G:s     hash    request ID -> packed session
--   {room}:G:x     zset    reminders: score time, member time, kind and name
--   {room}:G:c:H   string  a code, packed, with an expiry
--   {room}:G:p:B   string  the place that a browser was dealt a moment ago
--
-- G is the generation, so that a reset leaves what was behind under names that
-- nobody asks for any more. Times are milliseconds since 1970.

local RECORD, OPS, MEMBERS, REPORTS = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local NODES, LOG, BITS, SESSIONS, REMINDERS, CODE = KEYS[5], KEYS[6], KEYS[7], KEYS[8], KEYS[9], KEYS[10]

-- What the caller says of itself: the generation that the names are of, the latest
-- time and the highest sequence number that it was ever told, a clock that tests
-- turn (else empty), whether the verb reads, changes or settles, and how many replicas
-- are to confirm. A is the rest.
local GENERATION, LATEST, SEEN, CLOCK = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4])
local CHANGES, SETTLES = ARGV[5] ~= 'reads', ARGV[5] == 'settles'
local ACKS = tonumber(ARGV[6])
local A = { unpack(ARGV, 7) }

-- The script begins with EXPIRY_GRACE, ROTATE_GRACE, MAX_GRANTS, MAX_ROUNDS and
-- MAX_POSITION, which are waitingroom's, and MEMBER_LIFE, for how long a node counts
-- without being heard of. Beside them: for how long a redeemed code is
-- remembered, how many rounds of a visitor are told apart, how many orders of
-- operators are kept, and how many ranges of void positions.
local TAKEN_LIFE, KEPT_ROUNDS, MAX_OPS, MAX_VOIDS = 600000, MAX_GRANTS, 64, 64

-- How often a node is noted as heard of.
local HEARD_EVERY = 2000

local NUMBERS = {
  'now', 'gen', 'seq', 'ver', 'rev', 'dealt', 'serving', 'epoch', 'frontier', 'expired', 'accounted', 'alive',
  'admitted', 'missed', 'sealed', 'anchor', 'fence', 'lease', 'base', 'ttl', 'sttl', 'smax', 'open', 'cap', 'reuse',
  'settling', 'rewound', 'growth', 'lost', 'full',
}
local TEXTS = { 'holder', 'inc', 'voids' }

local r, was = {}, {}
local values = redis.call('HMGET', RECORD, unpack(NUMBERS))
for i, name in ipairs(NUMBERS) do
  was[name] = tonumber(values[i] or '0')
  r[name] = was[name]
end
values = redis.call('HMGET', RECORD, unpack(TEXTS))
for i, name in ipairs(TEXTS) do
  was[name] = values[i] or ''
  r[name] = was[name]
end

-- The store's time never runs backwards in a room.
if not CLOCK then
  local time = redis.call('TIME')
  CLOCK = time[1] * 1000 + math.floor(time[2] / 1000)
end
r.now = math.max(was.now, LATEST, CLOCK)

local function unclaimed()
  return math.max(0, r.frontier - r.expired - r.accounted)
end

-- done stores what has changed and replies: an error's name or '', the counters,
-- and whatever else the verb has to say.
local function done(err, ...)
  local changes = {}
  for _, names in ipairs({ NUMBERS, TEXTS }) do
    for _, name in ipairs(names) do
      if name ~= 'now' and r[name] ~= was[name] then
        changes[#changes + 1] = name
        changes[#changes + 1] = r[name]
      end
    end
  end
  -- What replicas confirm is the connection's latest write. A verb that was
  -- repeated after a lost reply changes nothing, and still has to wait for what
  -- it did the first time.
  if #changes > 0 or ACKS > 0 and CHANGES then
    redis.call('HSET', RECORD, 'now', r.now, unpack(changes))
  end
  local counters = {
    r.now, r.gen, r.seq, r.ver, r.rev, r.dealt, r.serving, r.epoch, r.expired, r.alive, unclaimed(), r.admitted,
    r.missed, r.anchor,
  }
  if r.ver ~= was.ver or r.gen ~= was.gen or r.inc ~= was.inc then
    redis.call('SPUBLISH', string.gsub(RECORD, 'r$', 'news'), table.concat(counters, ' '))
  end
  return { err or '', counters, ... }
end

-- The incarnation is another one after a failover, a restart or a flush, when
-- writes may have been lost. Until all that the nodes know has been merged, no
-- verb has an effect. Nor may one if the caller knows of a later state.
local incarnation = ''
if CHANGES then
  incarnation = string.match(redis.call('INFO', 'replication'), 'master_replid:(%x+)')
end
local lost = CHANGES and (r.inc ~= incarnation or r.settling ~= 0) or r.gen < GENERATION or r.gen == GENERATION and r.seq < SEEN
if lost and not SETTLES then
  return done('forgotten')
end

-- The names of the keys hold the generation that the caller knows. If it is
-- another one by now, the caller comes again with other names.
if r.gen > GENERATION then
  return done('generation')
end

local function changed()
  r.seq = r.seq + 1
end

-- count returns how many bits are set in (after, upto].
local function count(after, upto)
  local first = math.max(after + 1, r.base)
  if first > upto then
    return 0
  end
  return redis.call('BITCOUNT', BITS, first - r.base, upto - r.base, 'BIT')
end

local function accounted(position)
  return position >= r.base and redis.call('GETBIT', BITS, position - r.base) == 1
end

-- entry returns the first rise of the frontier that covers a position: upto
-- and at, or nil.
local function entry(position)
  local found = redis.call('ZRANGEBYSCORE', LOG, position, '+inf', 'LIMIT', 0, 1)
  if not found[1] then
    return nil
  end
  local upto, at = string.match(found[1], '(%d+):(%d+)')
  return tonumber(upto), tonumber(at)
end

local function log(upto, at)
  redis.call('ZADD', LOG, upto, string.format('%d:%d', upto, at))
end

-- rise moves the frontier up to where serving and dealt have gone, and logs when.
local function rise()
  local frontier = math.min(r.serving, r.dealt)
  if frontier <= r.frontier then
    return
  end
  r.accounted = r.accounted + count(math.max(r.frontier, r.expired), frontier)
  r.frontier = frontier
  if r.ttl == 0 or frontier <= r.expired then
    return
  end
  local bucket = math.max(1000, math.floor(r.ttl / 1000))
  local last = redis.call('ZRANGE', LOG, -1, -1)[1]
  if last then
    local at = tonumber(string.match(last, ':(%d+)'))
    if math.floor(at / bucket) == math.floor(r.now / bucket) then
      redis.call('ZREM', LOG, last)
    end
  end
  log(frontier, r.now)
end

-- fall moves the frontier down after a backward move of the serving counter.
local function fall()
  local frontier = math.min(r.serving, r.dealt)
  if frontier >= r.frontier then
    return
  end
  r.accounted = r.accounted - count(math.max(frontier, r.expired), math.max(r.frontier, r.expired))
  r.frontier = frontier
  local _, at = entry(frontier)
  redis.call('ZREMRANGEBYSCORE', LOG, frontier, '+inf')
  if at and frontier > r.expired then
    log(frontier, at)
  end
end

-- beyond returns target, raised by the void positions between from and it: they
-- were never dealt, so the counter passes them at once.
local function beyond(from, target)
  for first, last in string.gmatch(r.voids, '(%d+)-(%d+)') do
    first, last = math.max(tonumber(first), from), tonumber(last)
    if last > first and target > first then
      target = target + last - first
    end
  end
  return math.min(target, MAX_POSITION)
end

-- void reports whether a position is known never to have been dealt.
local function void(position)
  for first, last in string.gmatch(r.voids, '(%d+)-(%d+)') do
    if position > tonumber(first) and position <= tonumber(last) then
      return true
    end
  end
  return false
end

-- skip makes (after, upto] void. They count as accounted for, so they hold no slot.
local function skip(after, upto)
  local kept = {}
  for first, last in string.gmatch(r.voids, '(%d+)-(%d+)') do
    if tonumber(last) > r.expired then
      kept[#kept + 1] = first .. '-' .. last
    end
  end
  kept[#kept + 1] = string.format('%d-%d', after, upto)
  r.voids = table.concat(kept, ' ', math.max(1, #kept - MAX_VOIDS + 1))

  -- Bit by bit up to a whole byte, then all whole bytes at a time.
  local bit, last = after + 1 - r.base, upto - r.base
  while bit <= last do
    local bytes = bit % 8 == 0 and math.floor((last + 1 - bit) / 8) or 0
    if bytes > 0 then
      redis.call('SETRANGE', BITS, bit / 8, string.rep('\255', bytes))
      bit = bit + 8 * bytes
    else
      redis.call('SETBIT', BITS, bit, 1)
      bit = bit + 1
    end
  end
end

-- refill ends each step of a room with a capacity that changed anything. Until the
-- store is settled nobody knows who was served, and for a while after a loss
-- nobody knows who else is on the site: then it counts as full.
local function refill()
  if r.cap == 0 or r.settling ~= 0 or r.now < r.full then
    return
  end
  -- A rise may pass positions that were claimed already, before the counter was
  -- moved back. They need no slot, so the next ones get theirs.
  while true do
    local serving = beyond(r.frontier, r.frontier + math.max(r.cap - r.alive - unclaimed(), 0))
    if serving == r.serving then
      return
    end
    if serving < r.serving then
      r.epoch = r.epoch + 1
    end
    r.serving = serving
    r.ver = r.ver + 1
    changed()
    rise()
  end
end

-- within returns the value nearest to serving that the counter can have.
local function within(serving)
  local least = 0
  if r.open == 1 then
    least = r.dealt
  end
  return math.min(math.max(serving, least), MAX_POSITION)
end

-- arrive notes that positions up to dealt have been dealt.
local function arrive(dealt)
  if dealt <= r.dealt then
    return
  end
  r.dealt = dealt
  if r.open == 1 then
    r.serving = math.max(r.serving, dealt)
  end
  rise()
  refill()
end

-- window returns when the claim window of a served position closes, 0 for
-- never, and whether it is open now.
local function window(position)
  if position <= r.expired then
    return 0, false
  end
  if r.ttl == 0 then
    return 0, true
  end
  local _, at = entry(position)
  if not at then
    return r.now + r.ttl, true
  end
  return at + r.ttl, r.now <= at + r.ttl
end

-- known reports whether an operator's order was applied before.
local function known(op)
  return redis.call('LPOS', OPS, op) ~= false
end

local function remember(op)
  redis.call('LPUSH', OPS, op)
  redis.call('LTRIM', OPS, 0, MAX_OPS - 1)
end

-- begin starts a generation with nothing in it.
local function begin(generation)
  redis.call('UNLINK', NODES, LOG, BITS, SESSIONS, REMINDERS)
  for _, name in ipairs({
    'dealt', 'serving', 'epoch', 'frontier', 'expired', 'accounted', 'alive', 'admitted', 'missed', 'sealed', 'anchor', 'base',
    'lost', 'full',
  }) do
    r[name] = 0
  end
  r.voids = ''
  r.gen = generation
  r.ver = r.ver + 1
  changed()
end

-- remind has a sweep look at a session ('s') or a code ('c') at a time. Reminders of
-- one time come in the order of their names.
local function remind(at, kind, name)
  redis.call('ZADD', REMINDERS, at, string.format('%014d', at) .. kind .. name)
end

-- Sessions.

local function load(id)
  local row = redis.call('HGET', SESSIONS, id)
  if not row then
    return nil
  end
  local f = cmsgpack.unpack(row)
  local s = {
    id = id, row = row, status = f[2], position = f[3], holder = f[4], admitted = f[5], auth = f[6], expires = f[7], holds = f[8],
    reserved = f[10] or 0, rounds = f[11] or {}, grants = {},
  }
  for i, g in ipairs(f[9]) do
    s.grants[i] = { id = g[1], client = g[2], auth = g[3], redeemed = g[4], number = g[5], rotated = g[6], ended = g[7] }
  end
  return s
end

local function grants(s)
  local list = {}
  for i, g in ipairs(s.grants) do
    list[i] = { g.id, g.client, g.auth, g.redeemed, g.number, g.rotated, g.ended }
  end
  return list
end

-- put stores a session. Storing what is there already is no change. Most have no
-- rounds (op, login, at, counts, client), and need none of what tells of them.
local function put(s)
  local f = { 1, s.status, s.position, s.holder, s.admitted, s.auth, s.expires, s.holds, grants(s) }
  if s.reserved == 1 or #s.rounds > 0 then
    f[10], f[11] = s.reserved, s.rounds
  end
  local row = cmsgpack.pack(f)
  if row ~= s.row then
    redis.call('HSET', SESSIONS, s.id, row)
    s.row = row
    changed()
  end
end

-- told returns a session for a reply.
local function told(s)
  return { s.id, s.status, s.position, s.holder, s.admitted, s.auth, s.expires, s.holds, grants(s), s.reserved, s.rounds }
end

local function alive(s)
  return s ~= nil and s.status == 0 and s.expires > r.now
end

-- grant returns the place of a live grant in a session, or nil.
local function grant(s, id)
  for i, g in ipairs(s.grants) do
    if g.id == id and g.ended == 0 then
      return i
    end
  end
  return nil
end

-- claimant returns the live session of a ticket, and an error's name if the ticket
-- can have none any more.
local function claimant(id, generation)
  if generation < r.gen then
    return nil, 'ended'
  end
  if generation > r.gen then
    return nil, 'ahead'
  end
  local s = load(id)
  if s and not alive(s) then
    -- A turn kept in vain was no visit.
    return nil, s.reserved == 1 and s.status ~= 1 and 'expired' or 'spent'
  end
  return s
end

-- spent reports whether a set bit alone says that a place had its session. A void
-- position turns out to be somebody's if a node that wasn't asked had dealt it.
local function spent(position, closes)
  return (closes == 0 or position <= r.sealed) and accounted(position) and not void(position)
end

-- finish marks a live session as ended. It frees the slot, or keeps it until
-- holds if that is later, but no longer than the session would have lived.
local function finish(s, status, holds)
  s.status = status
  holds = math.min(holds, s.expires)
  if holds > r.now then
    s.holds = holds
    remind(holds, 's', s.id)
  end
  for _, g in ipairs(s.grants) do
    g.ended = 1
  end
  put(s)
  if s.holds == 0 then
    r.alive = r.alive - 1
    refill()
  end
end

-- prolong lets a session live longer, as far as the room allows. It leaves no
-- reminder: the one that comes too early leaves the next.
local function prolong(s)
  s.expires = math.max(s.expires, math.min(r.now + r.sttl, s.admitted + r.smax))
end

-- revoke ends a grant, and reports whether it was alive.
local function revoke(id, name)
  local s = load(id)
  if not alive(s) then
    return nil
  end
  local n = grant(s, name)
  if not n then
    return nil
  end
  s.grants[n].ended = 1
  put(s)
  return s
end
