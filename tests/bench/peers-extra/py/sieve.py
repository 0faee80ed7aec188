def main():
    n = 5000000
    composite = [False] * n
    count = 0
    for i in range(2, n):
        if not composite[i]:
            count += 1
            for j in range(i * i, n, i): composite[j] = True
    print(count)
main()
