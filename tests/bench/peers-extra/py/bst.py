import sys
sys.setrecursionlimit(10000)
def insert(t, k, v):
    if t is None: return {"key": k, "value": v, "left": None, "right": None}
    if k < t["key"]: return {**t, "left": insert(t["left"], k, v)}
    if k > t["key"]: return {**t, "right": insert(t["right"], k, v)}
    return {**t, "value": v}
def find(t, k):
    while t is not None:
        if k == t["key"]: return t["value"]
        t = t["left"] if k < t["key"] else t["right"]
def main():
    t = None; x = 42
    for i in range(1, 100001):
        x = x * 16807 % 2147483647
        t = insert(t, x % 200000, i)
    found = 0; total = 0
    for k in range(200000):
        v = find(t, k)
        if v is not None: found += 1; total += v
    print(found)
    print(total)
main()
