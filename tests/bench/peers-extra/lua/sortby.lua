local people, x = {}, 42
for i = 0, 199999 do
  x = x * 16807 % 2147483647
  people[i + 1] = {id = i, name = "n" .. x % 5000, age = x % 90}
end
local order = {}
for i = 1, #people do order[i] = people[i] end
table.sort(order, function(a, b)
  if a.age ~= b.age then return a.age < b.age end
  if a.name ~= b.name then return a.name < b.name end
  return a.id < b.id
end)
local check = 0
for i = 1, #order do check = (check * 31 + order[i].id) % 1000003 end
print(order[1].name, order[1].id, order[#order].id, check)
