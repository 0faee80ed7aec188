local function with(r, k, v) local c = {} for key, value in pairs(r) do c[key] = value end c[k] = v return c end
local r = {id = 0, name = "x", x = 0.0, y = 0.0, hits = 0, live = true}
local kept = {}
for i = 1, 300000 do
  r = with(r, "hits", r.hits + 1)
  r = with(r, "x", r.x + 0.5)
  if i % 1000 == 0 then kept[#kept + 1] = r end
end
local sum = 0
for i = 1, #kept do sum = sum + kept[i].hits end
print(sum)
print(r.x)
