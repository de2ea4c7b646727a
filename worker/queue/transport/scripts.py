"""What runs within Redis. A script runs alone: others see all of its effects, or none.

Two habits make them safe when something fails halfway. They copy before they remove. And they
begin with a write that needs no memory (removing a field that is never there): a full Redis lets a
script that has begun to write finish, so that messages can still be taken, given back and buried
while nothing can be published, and a full queue can be worked off.
"""

TAKE = b"""
-- KEYS: queue, processing, consumers, heartbeat
-- ARGV: count, bytes, first number, ttl, member
redis.call('HDEL', KEYS[2], '')
local frames, numbered, bytes = {}, {}, 0
for i = 1, ARGV[1] do
  local frame = redis.call('LINDEX', KEYS[1], -i)
  bytes = bytes + (frame and #frame or 0)
  if not frame or (i > 1 and bytes > tonumber(ARGV[2])) then break end
  frames[i] = frame
  numbered[2 * i - 1] = ARGV[3] + i - 1
  numbered[2 * i] = frame
end
if #frames == 0 then return frames end
redis.call('HSET', KEYS[2], unpack(numbered))
redis.call('SADD', KEYS[3], ARGV[5])
if redis.call('PEXPIRE', KEYS[4], ARGV[4]) == 0 then
  redis.call('SET', KEYS[4], 1, 'PX', ARGV[4])
end
redis.call('LTRIM', KEYS[1], 0, -#frames - 1)
return frames
"""
"""Move the oldest messages into the owner's processing list, under numbers that go up.

Not more than so many bytes, unless the first alone has more: huge messages must not fill a
consumer's memory by the hundred. What was taken is found by a sweeper even if Redis was flushed
meanwhile: the owner is registered by the same script.
"""

RETURN = b"""
-- KEYS: queue, processing. ARGV: RPUSH (front) or LPUSH (back), number...
redis.call('HDEL', KEYS[2], '')
local returned = 0
for i = 2, #ARGV do
  local frame = redis.call('HGET', KEYS[2], ARGV[i])
  if frame then
    redis.call(ARGV[1], KEYS[1], frame)
    redis.call('HDEL', KEYS[2], ARGV[i])
    returned = returned + 1
  end
end
return returned
"""
"""Put some messages back into their queue. To the front: the newest first, so the oldest ends up
first."""

EMPTY = b"""
-- KEYS: queue, processing, consumers, heartbeat. ARGV: count, member, 1 if only of the dead
redis.call('HDEL', KEYS[2], '')
if ARGV[3] == '1' and redis.call('EXISTS', KEYS[4]) == 1 then return {0, 0} end
local numbers = redis.call('HKEYS', KEYS[2])
table.sort(numbers, function(a, b) return tonumber(a) > tonumber(b) end)
local count = math.min(#numbers, tonumber(ARGV[1]))
if count > 0 then
  local newest = {}
  for i = 1, count do newest[i] = numbers[i] end
  redis.call('RPUSH', KEYS[1], unpack(redis.call('HMGET', KEYS[2], unpack(newest))))
  redis.call('HDEL', KEYS[2], unpack(newest))
end
if count == #numbers then redis.call('SREM', KEYS[3], ARGV[2]) end
return {count, #numbers - count}
"""
"""Put a processing list back to the front of its queue, in order; tell how many went and stay."""

BURY = b"""
-- KEYS: processing, dead, count. ARGV: number, most to keep
redis.call('HDEL', KEYS[1], '')
local frame = redis.call('HGET', KEYS[1], ARGV[1])
if not frame then return 0 end
redis.call('LPUSH', KEYS[2], frame)
redis.call('LTRIM', KEYS[2], 0, ARGV[2] - 1)
redis.call('INCR', KEYS[3])
redis.call('HDEL', KEYS[1], ARGV[1])
return 1
"""
"""Move a message to the dead letters, of which only the newest are kept, but all counted."""

RENEW = b"""
-- KEYS: heartbeat. ARGV: ttl. A full Redis would refuse a SET that comes first.
if redis.call('PEXPIRE', KEYS[1], ARGV[1]) == 0 then
  redis.call('SET', KEYS[1], 1, 'PX', ARGV[1])
end
"""
"""Tell that the owner lives. The key expires by the server's clock; no two clocks are compared."""
