import sys
sys.path.pop(0)
import json
def main():
    records = [{"id": i, "name": "record " + str(i), "even": i % 2 == 0, "tags": ["a" + str(i % 10), "b" + str(i % 7)],
                "point": {"x": i + 0.5, "y": i * 3}} for i in range(20000)]
    for _ in range(3):
        text = json.dumps(records, separators=(",", ":"))
        back = json.loads(text)
        length = len(text); total = 0
        for r in back: total += r["id"] + r["point"]["y"] + len(r["tags"]) + len(r["name"]) + (1 if r["even"] else 0)
    print(length)
    print(total)
main()
