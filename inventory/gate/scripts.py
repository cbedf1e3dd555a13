"""What is done in Redis in one go, and the names of a pool's keys there. Wrong types and foreign forms are absent."""

import uuid
from typing import Final

SET_MOST: Final = 200_000
"""A set that has more members is dropped: a pool with so many buyers has no gate."""


def keys(pool_id: uuid.UUID) -> tuple[str, str, str, str]:
    """Notice, buyers, how far these are complete, lease; in one slot of a cluster."""
    name = f"gate:{{{pool_id}}}"
    return name, f"{name}:buyers", f"{name}:upto", f"{name}:lease"


CHECK: Final = """
local notice = redis.pcall('GET', KEYS[1])
if type(notice) ~= 'string' then return false end
local left, most, set = string.match(notice, '^' .. ARGV[1] .. ':%d+:(%d+):(%d+):%d+:(%w+)$')
if not left then return false end
local known = redis.pcall('SMISMEMBER', KEYS[2], set, unpack(ARGV, 5))
if known[1] ~= 1 then return false end
left, most = tonumber(left), tonumber(most)
local strangers = true
for place = 2, #known do
  if known[place] == 1 then strangers = false end
end
if strangers and tonumber(ARGV[3]) > left and tonumber(ARGV[4]) <= most then return notice .. '|' end
local answers, place = {}, 0
for boxes in string.gmatch(ARGV[2], '%d+') do
  place = place + 1
  boxes = tonumber(boxes)
  local passes = known[2 * place] == 1 or known[2 * place + 1] == 1 or boxes <= left or boxes > most
  answers[place] = passes and '0' or '1'
end
return notice .. '|' .. table.concat(answers)
"""
"""KEYS notice, buyers. ARGV tag, the boxes that each asks for with commas between, the least and the most of them, then
for each: buyer, key. Nothing without a notice and the set that it names; else the notice, alone if all are turned away,
or with 1 for each who is and 0 for who is let through."""

_COMPLETE: Final = """
local set, upto = nil, 0
local stored = redis.pcall('GET', KEYS[3])
if type(stored) == 'string' then
  local number
  set, number = string.match(stored, '^' .. ARGV[1] .. ':(%w+):(%d+)$')
  if set and redis.pcall('SISMEMBER', KEYS[2], set) == 1 then upto = tonumber(number) else set = nil end
end
"""
"""Which set is there, and up to which version of the pool it is complete."""

LEASE: Final = (
    _COMPLETE
    + """
local lease = redis.pcall('GET', KEYS[4])
if type(lease) ~= 'string' or not string.match(lease, '^' .. ARGV[1] .. ':%x+$') then
  lease = ARGV[1] .. ':' .. ARGV[2]
end
redis.call('SET', KEYS[4], lease, 'PX', 5000)
local clock = redis.call('TIME')
return {lease, string.format('%.0f', clock[1] * 1000 + math.floor(clock[2] / 1000)), string.format('%.0f', upto)}
"""
)
"""KEYS all. ARGV tag, a name for a new lease. The lease, Redis's clock in ms, up to which version buyers are known."""

ADD: Final = (
    _COMPLETE
    + """
local from, to = tonumber(ARGV[2]), tonumber(ARGV[3])
if set and redis.call('SCARD', KEYS[2]) > tonumber(ARGV[5]) then set, upto = nil, 0 end
if not set then
  redis.call('DEL', KEYS[2], KEYS[3])
  if from > 0 then return '0' end
  set = ARGV[4]
  redis.call('SADD', KEYS[2], set)
end
for place = 6, #ARGV, 1000 do
  redis.call('SADD', KEYS[2], unpack(ARGV, place, math.min(place + 999, #ARGV)))
end
if upto >= from and to > upto then upto = to end
redis.call('SET', KEYS[3], ARGV[1] .. ':' .. set .. ':' .. string.format('%.0f', upto), 'PX', 3600000)
redis.call('PEXPIRE', KEYS[2], 3600000)
return string.format('%.0f', upto)
"""
)
"""KEYS all. ARGV tag, from, to, a name for a new set, SET_MOST, members: among them all buyers of the versions after
`from` up to `to`. Answers up to which version the set is complete now."""

NOTICE: Final = (
    _COMPLETE
    + """
local version = tonumber(ARGV[3])
if redis.pcall('GET', KEYS[4]) ~= ARGV[2] or not set or upto < version then return 0 end
local old = redis.pcall('GET', KEYS[1])
if type(old) == 'string' then
  local number = string.match(old, '^' .. ARGV[1] .. ':(%d+):%d+:%d+:%d+:' .. set .. '$')
  if number and tonumber(number) > version then return 0 end
end
local clock = redis.call('TIME')
local left = ARGV[7] + ARGV[8] - clock[1] * 1000 - math.floor(clock[2] / 1000)
if left < 1 then return 0 end
local notice = table.concat({ARGV[1], ARGV[3], ARGV[4], ARGV[5], ARGV[6], set}, ':')
redis.call('SET', KEYS[1], notice, 'PX', string.format('%.0f', left))
return 1
"""
)
"""KEYS all. ARGV tag, lease, version, available, most, next, when the lease was taken, life; times in ms.
Whether the notice is taken: not without its lease, nor in the place of a newer one, nor if buyers are missing."""
