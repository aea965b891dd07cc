-- Takes what a request draws from the buckets KEYS, all of it or nothing.
-- ARGV, four a bucket: microseconds a token, tokens of a full bucket, tokens wanted, does it refuse?
-- One more, `look`, takes nothing.
-- Answers four numbers a bucket: 0 took, 1 wait, 2 never; tokens left, or microseconds to wait; when
-- the tokens are back, with all that was given back before; which bucket it was.
-- A bucket is one hash: f, when it is full again; g, all that was given back; b, when it was made.
local time = redis.call('TIME')
local now = (time[1] - 1700000000) * 1000000 + time[2]
local answer, taken, refused = {}, {}, false
for i, key in ipairs(KEYS) do
  local at = (i - 1) * 4
  local interval, burst = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local cost, refuses = tonumber(ARGV[at + 3]), ARGV[at + 4] == '1'
  local width = interval * burst
  local bucket = redis.call('HMGET', key, 'f', 'g', 'b')
  local given, born = tonumber(bucket[2]) or 0, tonumber(bucket[3]) or now
  -- Sums stay exact; who was given before that gets nothing back.
  if given > 1e15 then given, born = 0, now end
  -- No bucket is full later than that: the store's clock was set back.
  local full = math.min(tonumber(bucket[1]) or 0, now + width)
  local next = math.max(full, now) + interval * cost
  -- A millionth of a token is the dust of fractions.
  local over = next - now - width - interval / 1000000
  local kind, number = 0, 0
  if cost > burst then
    kind, refused = 2, refused or refuses
  elseif over > 0 then
    kind, number, refused = 1, math.ceil(over), refused or refuses
  else
    number = math.max(0, math.floor((now + width - next) / interval + 0.000001))
    taken[#taken + 1] = { key, next, given, born }
  end
  answer[at + 1], answer[at + 2] = kind, number
  answer[at + 3], answer[at + 4] = math.floor(next + given), born
end
if not refused and ARGV[#KEYS * 4 + 1] ~= 'look' then
  for _, bucket in ipairs(taken) do
    redis.call('HSET', bucket[1], 'f', string.format('%.3f', bucket[2]),
      'g', string.format('%.0f', bucket[3]), 'b', string.format('%.0f', bucket[4]))
    redis.call('PEXPIRE', bucket[1], math.ceil((bucket[2] - now) / 1000) + 1000)
  end
end
return answer
