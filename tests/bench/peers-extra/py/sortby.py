def main():
    people = []; x = 42
    for i in range(200000):
        x = x * 16807 % 2147483647
        people.append({"id": i, "name": "n" + str(x % 5000), "age": x % 90})
    order = sorted(people, key=lambda p: (p["age"], p["name"], p["id"]))
    check = 0
    for p in order: check = (check * 31 + p["id"]) % 1000003
    print(order[0]["name"], order[0]["id"], order[-1]["id"], check, sep="\t")
main()
