def main():
    text = "\n".join(str(i) + ",name " + str(i % 1000) + "," + str(i * 3) + "," + str(i % 7) + ".5" for i in range(1, 150001))
    sums = {}; total = 0.0
    for line in text.split("\n"):
        id, name, amount, weight = line.split(",")
        sums[name] = sums.get(name, 0) + int(amount)
        total += float(weight)
    print(sums["name 7"], sums["name 999"], total, sep="\t")
main()
