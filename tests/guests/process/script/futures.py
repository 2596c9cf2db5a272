# Python: concurrent.futures with processes; errors, a worker that dies.
import os
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool


def work(n):
    if n == 5:
        raise ValueError("five")
    return n + 1


def main():
    with ProcessPoolExecutor(3) as pool:
        print(list(pool.map(work, range(5))))
        try:
            pool.submit(work, 5).result()
        except ValueError as error:
            print("error", error)
        try:
            pool.submit(os._exit, 1).result()
        except BrokenProcessPool:
            print("broken")


if __name__ == "__main__":
    main()
