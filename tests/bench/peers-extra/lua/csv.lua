local lines = {}
for i = 1, 150000 do lines[i] = i .. ",name " .. i % 1000 .. "," .. i * 3 .. "," .. i % 7 .. ".5" end
local text = table.concat(lines, "\n")
local sums, total = {}, 0.0
for line in text:gmatch("[^\n]+") do
  local id, name, amount, weight = line:match("([^,]*),([^,]*),([^,]*),([^,]*)")
  local n = math.tointeger(tonumber(amount))
  sums[name] = (sums[name] or 0) + n
  total = total + tonumber(weight)
end
print(sums["name 7"], sums["name 999"], total)
