local function insert(t, k, v)
  if not t then return {key = k, value = v, left = nil, right = nil} end
  if k < t.key then return {key = t.key, value = t.value, left = insert(t.left, k, v), right = t.right} end
  if k > t.key then return {key = t.key, value = t.value, left = t.left, right = insert(t.right, k, v)} end
  return {key = k, value = v, left = t.left, right = t.right}
end
local function find(t, k)
  while t do
    if k == t.key then return t.value end
    if k < t.key then t = t.left else t = t.right end
  end
end
local t, x = nil, 42
for i = 1, 100000 do x = x * 16807 % 2147483647; t = insert(t, x % 200000, i) end
local found, sum = 0, 0
for k = 0, 199999 do local v = find(t, k) if v then found = found + 1; sum = sum + v end end
print(found)
print(sum)
