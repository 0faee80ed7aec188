local vocabulary = {}
for i = 0, 999 do vocabulary[i] = "w" .. (i * 7919 % 1000) end
local words, x = {}, 42
for i = 1, 1000000 do x = x * 16807 % 2147483647; words[i] = vocabulary[x % 1000 * (x % 7) % 1000] end
local text = table.concat(words, " ")
local counts = {}
for w in text:gmatch("%S+") do counts[w] = (counts[w] or 0) + 1 end
local list = {}
for w, n in pairs(counts) do list[#list + 1] = {w, n} end
table.sort(list, function(a, b) if a[2] ~= b[2] then return a[2] > b[2] end return a[1] < b[1] end)
for i = 1, 5 do print(list[i][1], list[i][2]) end
