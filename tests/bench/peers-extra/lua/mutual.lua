local odd
local function even(n) if n == 0 then return 1 end return odd(n - 1) end
function odd(n) if n == 0 then return 0 end return even(n - 1) end
local sum = 0
for i = 1, 30000 do sum = sum + even(400 + i % 2) end
print(sum)
