def distance(a, b):
    row = list(range(len(b) + 1))
    for i, c in enumerate(a, 1):
        diagonal = row[0]
        row[0] = i
        for j in range(1, len(b) + 1):
            above = row[j]
            cost = diagonal + (0 if c == b[j - 1] else 1)
            best = above + 1
            if row[j - 1] + 1 < best: best = row[j - 1] + 1
            if cost < best: best = cost
            row[j] = best
            diagonal = above
    return row[len(b)]
def text(n, x):
    t = []
    for _ in range(n):
        x = x * 16807 % 2147483647
        t.append(chr(97 + x % 4))
    return "".join(t)
print(distance("kitten", "sitting"))
print(distance(text(1500, 42), text(1600, 7)))
