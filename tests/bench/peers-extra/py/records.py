def main():
    r = {"id": 0, "name": "x", "x": 0.0, "y": 0.0, "hits": 0, "live": True}
    kept = []
    for i in range(1, 300001):
        r = {**r, "hits": r["hits"] + 1}
        r = {**r, "x": r["x"] + 0.5}
        if i % 1000 == 0: kept.append(r)
    print(sum(k["hits"] for k in kept))
    print(r["x"])
main()
