import sys, threading
sys.setrecursionlimit(100000)
threading.stack_size(512 * 1024 * 1024)
def ack(m, n):
    if m == 0: return n + 1
    if n == 0: return ack(m - 1, 1)
    return ack(m - 1, ack(m, n - 1))
def main():
    print(ack(3, 8))
    print(ack(2, 1500))
t = threading.Thread(target=main); t.start(); t.join()
