local triples, n = {}, 10000000
for i=0,n-1 do triples[i] = 3 * i end
local count, sum = 0, 0
for _, triple in pairs(triples) do
  count = count + 1
  sum = sum + triple
end
print(string.format("%d %.0f %d", count, sum, triples[n-1]))
