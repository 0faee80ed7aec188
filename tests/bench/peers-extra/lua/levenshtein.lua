local function distance(a, b)
  local n = #b
  local row = {}
  for j = 0, n do row[j] = j end
  for i = 1, #a do
    local c, diagonal = a:byte(i), row[0]
    row[0] = i
    for j = 1, n do
      local above = row[j]
      local cost = diagonal + (c == b:byte(j) and 0 or 1)
      local best = above + 1
      if row[j - 1] + 1 < best then best = row[j - 1] + 1 end
      if cost < best then best = cost end
      row[j] = best
      diagonal = above
    end
  end
  return row[n]
end
local function text(n, x)
  local t = {}
  for i = 1, n do x = x * 16807 % 2147483647; t[i] = string.char(97 + x % 4) end
  return table.concat(t)
end
print(distance("kitten", "sitting"))
print(distance(text(1500, 42), text(1600, 7)))
