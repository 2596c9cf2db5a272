# Python: os.fork, waitpid, pipes, signals, mmap, descriptors, with threads.
import mmap
import os
import signal
import sys
import threading
import time

print("start", flush=True)
pid = os.fork()
if pid == 0:
    os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
r, w = os.pipe()
if os.fork() == 0:
    os.close(r)
    with os.fdopen(w, "w") as f:
        for i in range(3):
            f.write(f"line {i}\n")
    os._exit(0)
os.close(w)
with os.fdopen(r) as f:
    print(f.read(), end="", flush=True)
os.wait()
shared = mmap.mmap(-1, 4096)
pid = os.fork()
if pid == 0:
    shared[:5] = b"child"
    os.kill(os.getpid(), signal.SIGKILL)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shared[:5])
lock = threading.Lock()
stop = threading.Event()


def busy():
    while not stop.is_set():
        with lock:
            [object() for _ in range(100)]


threads = [threading.Thread(target=busy) for _ in range(3)]
for t in threads:
    t.start()
right = 0
for i in range(15):
    with lock:
        pid = os.fork()
    if pid == 0:
        os._exit(len([0] * i) if threading.active_count() == 1 else 99)
    right += os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == i
stop.set()
for t in threads:
    t.join()
print("right", right, flush=True)
got = []
signal.signal(signal.SIGCHLD, lambda *_: got.append(1))
pid = os.fork()
if pid == 0:
    sys.exit(4)
while not got:
    time.sleep(0.01)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
pid = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 3"], os.environ)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
