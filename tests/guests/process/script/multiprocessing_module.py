# Python: multiprocessing by fork: Process, Pool, Queue, Pipe, Lock, Value, Manager, shared_memory; then by spawn.
# slow
import multiprocessing as mp
import signal
from multiprocessing import shared_memory


def square(n):
    return n * n


def add(value, lock, times):
    for _ in range(times):
        with lock:
            value.value += 1


def echo(connection):
    for item in iter(connection.recv, None):
        connection.send((item, "back"))


def produce(queue, n):
    for i in range(20):
        queue.put(n * 100 + i)


def fill(name):
    memory = shared_memory.SharedMemory(name)
    memory.buf[:5] = b"hello"
    memory.close()


def main():
    mp.set_start_method("fork")
    with mp.Pool(4) as pool:
        print(sum(pool.map(square, range(200))))
        print(pool.apply(square, (12,)))
        print(sorted(pool.imap_unordered(square, range(10))))
    lock, value = mp.Lock(), mp.Value("i", 0, lock=False)
    workers = [mp.Process(target=add, args=(value, lock, 200)) for _ in range(4)]
    for p in workers:
        p.start()
    for p in workers:
        p.join()
    print(value.value, [p.exitcode for p in workers])
    here, there = mp.Pipe()
    p = mp.Process(target=echo, args=(there,))
    p.start()
    here.send({"a": [1, 2]})
    print(here.recv())
    here.send(None)
    p.join()
    queue = mp.Queue()
    workers = [mp.Process(target=produce, args=(queue, n)) for n in range(3)]
    for p in workers:
        p.start()
    print(sum(queue.get() for _ in range(60)))
    for p in workers:
        p.join()
    p = mp.Process(target=signal.pause)
    p.start()
    p.kill()
    p.join()
    print(p.exitcode)
    memory = shared_memory.SharedMemory(create=True, size=100)
    p = mp.Process(target=fill, args=(memory.name,))
    p.start()
    p.join()
    print(bytes(memory.buf[:5]))
    memory.close()
    memory.unlink()
    with mp.Manager() as manager:
        shared = manager.dict()
        p = mp.Process(target=shared.__setitem__, args=("key", 5))
        p.start()
        p.join()
        print(dict(shared))
    spawn = mp.get_context("spawn")
    with spawn.Pool(2) as pool:
        print(pool.map(square, [7, 8]))


if __name__ == "__main__":
    main()
