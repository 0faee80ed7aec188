def multiply(a, b, n):
    c = []
    for row in a:
        out = []
        for j in range(n):
            s = 0.0
            for k in range(n): s += row[k] * b[k][j]
            out.append(s)
        c.append(out)
    return c
def main():
    n = 200
    a = [[(i - j) * (i + j) / (n * 1.0) for j in range(n)] for i in range(n)]
    b = [[(i + j) / (n * 1.0) for j in range(n)] for i in range(n)]
    c = multiply(a, multiply(a, b, n), n)
    print("%.6f" % sum(c[i][i] for i in range(n)))
main()
