def counter(step):
    n = 0
    def next():
        nonlocal n
        n += step
        return n
    return next
def main():
    total = 0
    for i in range(1, 1000001):
        c = counter(i % 10)
        c(); c()
        total += c()
    def compose(f, g): return lambda x: f(g(x))
    def add(n): return lambda x: x + n
    f = add(0)
    for i in range(1, 201): f = compose(add(i % 3), f)
    for i in range(1, 10001): total += f(i)
    print(total)
main()
