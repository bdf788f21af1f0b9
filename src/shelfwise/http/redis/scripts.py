"""What must happen in Redis in one step. Every key is declared, and the only clock is Redis' own.

A value begins with its label (``codec.Label``): {version, kind, digest, stored at, fresh, revalidate, error (ms),
generations, vary names}.
"""

#: Look up an answer; when none will do, try to become the one who fetches it.
#: KEYS: the answer, its lease, then the generation of each tag.
#: ARGV: version, longest value in bytes, what will do (usable, fresh, none), lease token, lease ms (0: no lease),
#: a new generation, its ms.
#: Returns: the value or nil, Redis' time in ms, whether the lease was taken, the generations joined.
TAKE = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local generations = {}
for i = 3, #KEYS do
  local generation = redis.pcall('GET', KEYS[i])
  if type(generation) ~= 'string' then
    generation = ARGV[6]
    redis.call('SET', KEYS[i], generation, 'PX', ARGV[7])
  end
  generations[i - 2] = generation
end
generations = table.concat(generations)

local function label_of(raw)
  if #raw < 2 then return nil end
  local readable, label = pcall(cmsgpack.unpack, string.sub(raw, 3, 2 + struct.unpack('>H', raw)))
  if not readable or type(label) ~= 'table' or label[1] ~= tonumber(ARGV[1]) then return nil end
  for i = 4, 6 do
    if type(label[i]) ~= 'number' then return nil end
  end
  if label[2] == 'answer' and label[8] ~= generations then return nil end
  return label
end

local raw, label = false, nil
local length = redis.pcall('STRLEN', KEYS[1])
if type(length) == 'number' and length > 0 and length <= tonumber(ARGV[2]) then
  raw = redis.call('GET', KEYS[1])
  label = label_of(raw)
  if not label then raw = false end
end
if label and label[2] == 'vary' then return {raw, now, 0, generations} end

local will_do = false
if label and ARGV[3] ~= 'none' then
  local until_ms = label[4] + label[5]
  if ARGV[3] == 'usable' then until_ms = until_ms + label[6] end
  will_do = now < until_ms
end
local leads = 0
if not will_do and ARGV[5] ~= '0' and redis.call('SET', KEYS[2], ARGV[4], 'NX', 'PX', ARGV[5]) then leads = 1 end
return {raw, now, leads, generations}
"""

#: Store an answer unless one of its tags was invalidated since it was asked for, and give the lease back.
#: KEYS: the answer, the lease, the vary record, then the generation of each tag.
#: ARGV: the value ('' for none), its ms, lease token, the generations joined, the vary record's value ('' for none).
#: Returns: whether it was stored.
GIVE = """
local stored = 0
if ARGV[1] ~= '' then
  local generations = {}
  for i = 4, #KEYS do generations[i - 3] = redis.call('GET', KEYS[i]) or '' end
  if table.concat(generations) == ARGV[4] then
    redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
    if ARGV[5] ~= '' then redis.call('SET', KEYS[3], ARGV[5], 'PX', ARGV[2]) end
    for i = 4, #KEYS do
      if redis.call('PTTL', KEYS[i]) < tonumber(ARGV[2]) then redis.call('PEXPIRE', KEYS[i], ARGV[2]) end
    end
    stored = 1
  end
end
if redis.call('GET', KEYS[2]) == ARGV[3] then redis.call('DEL', KEYS[2]) end
return stored
"""
