local function counter(step) local n = 0 return function() n = n + step return n end end
local sum = 0
for i = 1, 1000000 do
  local c = counter(i % 10)
  c() c()
  sum = sum + c()
end
local function compose(f, g) return function(x) return f(g(x)) end end
local function add(n) return function(x) return x + n end end
local f = add(0)
for i = 1, 200 do f = compose(add(i % 3), f) end
for i = 1, 10000 do sum = sum + f(i) end
print(sum)
