local halves, n = {}, 10000000
for i=0,n-1 do halves[#halves+1] = 0.5 * i end
local sum = 0.0
for i=1,#halves do sum = sum + halves[i] end
print(string.format("%d %.0f %.0f", #halves, sum, 2 * halves[n]))
