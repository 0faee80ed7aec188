local sum = 0
for k = 1, 3 do
  local t = {}
  for i = 1, 500000 do t[#t + 1] = "item "; t[#t + 1] = tostring(i % 100); t[#t + 1] = ";" end
  local s = table.concat(t)
  sum = sum + #s + s:byte(1000) + s:byte(-2)
end
print(sum)
