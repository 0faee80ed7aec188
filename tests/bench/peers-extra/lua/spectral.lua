local function A(i, j) local ij = i + j return 1.0 / (ij * (ij + 1) // 2 + i + 1) end
local function mul(n, v, f)
  local out = {}
  for i = 0, n - 1 do
    local s = 0.0
    for j = 0, n - 1 do s = s + f(i, j) * v[j] end
    out[i] = s
  end
  return out
end
local function At(i, j) return A(j, i) end
local n = 300
local u, v = {}, nil
for i = 0, n - 1 do u[i] = 1.0 end
for k = 1, 10 do v = mul(n, mul(n, u, A), At); u = mul(n, mul(n, v, A), At) end
local vbv, vv = 0.0, 0.0
for i = 0, n - 1 do vbv = vbv + u[i] * v[i]; vv = vv + v[i] * v[i] end
print(string.format("%.9f", math.sqrt(vbv / vv)))
