def even(n): return 1 if n == 0 else odd(n - 1)
def odd(n): return 0 if n == 0 else even(n - 1)
def main():
    total = 0
    for i in range(1, 30001): total += even(400 + i % 2)
    print(total)
main()
