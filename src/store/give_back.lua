-- Gives tokens back to the buckets KEYS: of each what has not come back by itself since.
-- ARGV, three a bucket: microseconds that the tokens take to come back, and the last two numbers of
-- the answer when they were taken.
local time = redis.call('TIME')
local now = (time[1] - 1700000000) * 1000000 + time[2]
for i, key in ipairs(KEYS) do
  local at = (i - 1) * 3
  local width, receipt, born = tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2]), ARGV[at + 3]
  local bucket = redis.call('HMGET', key, 'f', 'g', 'b')
  if bucket[3] == born then
    local full, given = tonumber(bucket[1]), tonumber(bucket[2])
    local rest = math.floor(math.min(math.max(receipt - given - now, 0), width))
    if full - rest <= now then
      -- Full: as good as none.
      redis.call('DEL', key)
    else
      redis.call('HSET', key, 'f', string.format('%.3f', full - rest),
        'g', string.format('%.0f', given + rest))
      redis.call('PEXPIRE', key, math.ceil((full - rest - now) / 1000) + 1000)
    end
  end
end
return 0
