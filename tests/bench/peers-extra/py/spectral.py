from math import sqrt
def A(i, j): ij = i + j; return 1.0 / (ij * (ij + 1) // 2 + i + 1)
def At(i, j): return A(j, i)
def mul(n, v, f):
    out = []
    for i in range(n):
        s = 0.0
        for j in range(n): s += f(i, j) * v[j]
        out.append(s)
    return out
def main():
    n = 300
    u = [1.0] * n
    for _ in range(10):
        v = mul(n, mul(n, u, A), At); u = mul(n, mul(n, v, A), At)
    vbv = vv = 0.0
    for i in range(n): vbv += u[i] * v[i]; vv += v[i] * v[i]
    print("%.9f" % sqrt(vbv / vv))
main()
