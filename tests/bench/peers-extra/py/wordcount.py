def main():
    vocabulary = ["w" + str(i * 7919 % 1000) for i in range(1000)]
    words = []; x = 42
    for _ in range(1000000):
        x = x * 16807 % 2147483647
        words.append(vocabulary[x % 1000 * (x % 7) % 1000])
    text = " ".join(words)
    counts = {}
    for w in text.split(): counts[w] = counts.get(w, 0) + 1
    for w, n in sorted(counts.items(), key=lambda p: (-p[1], p[0]))[:5]: print(w + "\t" + str(n))
main()
