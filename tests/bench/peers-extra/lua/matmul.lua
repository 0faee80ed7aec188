local function matrix(n, f) local m = {} for i = 1, n do local r = {} for j = 1, n do r[j] = f(i - 1, j - 1) end m[i] = r end return m end
local function multiply(a, b, n)
  local c = {}
  for i = 1, n do
    local row, out = a[i], {}
    for j = 1, n do
      local s = 0.0
      for k = 1, n do s = s + row[k] * b[k][j] end
      out[j] = s
    end
    c[i] = out
  end
  return c
end
local n = 200
local a = matrix(n, function(i, j) return (i - j) * (i + j) / (n * 1.0) end)
local b = matrix(n, function(i, j) return (i + j) / (n * 1.0) end)
local c = multiply(a, multiply(a, b, n), n)
local trace = 0.0
for i = 1, n do trace = trace + c[i][i] end
print(string.format("%.6f", trace))
