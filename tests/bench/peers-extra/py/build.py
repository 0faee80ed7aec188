def main():
    total = 0
    for k in range(3):
        t = []
        for i in range(1, 500001): t.append("item "); t.append(str(i % 100)); t.append(";")
        s = "".join(t)
        total += len(s) + ord(s[999]) + ord(s[-2])
    print(total)
main()
