local function encode(v, out)
  local t = type(v)
  if t == "number" then out[#out + 1] = tostring(v)
  elseif t == "string" then out[#out + 1] = '"' .. v:gsub('[%c"\\]', function(c) return string.format("\\u%04x", c:byte()) end) .. '"'
  elseif t == "boolean" then out[#out + 1] = tostring(v)
  elseif v[1] ~= nil then
    out[#out + 1] = "["
    for i = 1, #v do if i > 1 then out[#out + 1] = "," end encode(v[i], out) end
    out[#out + 1] = "]"
  else
    out[#out + 1] = "{"
    local first = true
    for i = 1, #v.keys do
      local k = v.keys[i]
      if not first then out[#out + 1] = "," end
      first = false
      out[#out + 1] = '"' .. k .. '":'
      encode(v.vals[k], out)
    end
    out[#out + 1] = "}"
  end
end
local decode
local function skip(s, i) return s:find("[^ \n\t\r]", i) end
function decode(s, i)
  i = skip(s, i)
  local c = s:byte(i)
  if c == 123 then
    local r = {}
    i = skip(s, i + 1)
    if s:byte(i) == 125 then return r, i + 1 end
    while true do
      local k, v
      k, i = decode(s, i)
      i = skip(s, i) + 1
      v, i = decode(s, i)
      r[k] = v
      i = skip(s, i)
      if s:byte(i) == 125 then return r, i + 1 end
      i = i + 1
    end
  elseif c == 91 then
    local r = {}
    i = skip(s, i + 1)
    if s:byte(i) == 93 then return r, i + 1 end
    while true do
      r[#r + 1], i = decode(s, i)
      i = skip(s, i)
      if s:byte(i) == 93 then return r, i + 1 end
      i = i + 1
    end
  elseif c == 34 then
    local e = s:find('"', i + 1, true)
    return s:sub(i + 1, e - 1), e + 1
  elseif c == 116 then return true, i + 4
  elseif c == 102 then return false, i + 5
  else
    local e = s:find("[^%d.eE+-]", i) or #s + 1
    return tonumber(s:sub(i, e - 1)), e
  end
end
local records = {}
for i = 0, 19999 do
  records[i + 1] = {keys = {"id", "name", "even", "tags", "point"}, vals = {
    id = i, name = "record " .. i, even = i % 2 == 0, tags = {"a" .. i % 10, "b" .. i % 7},
    point = {keys = {"x", "y"}, vals = {x = i + 0.5, y = i * 3}}}}
end
local length, sum
for k = 1, 3 do
  local out = {}
  encode(records, out)
  local text = table.concat(out)
  local back = decode(text, 1)
  length, sum = #text, 0
  for i = 1, #back do
    local r = back[i]
    sum = sum + r.id + r.point.y + #r.tags + #r.name + (r.even and 1 or 0)
  end
end
print(length)
print(string.format("%d", sum))
