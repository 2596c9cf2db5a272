# Python: servers that fork, socketpair with descriptors sent, select over processes.
import os
import select
import socket
import socketserver
import threading


class Handler(socketserver.StreamRequestHandler):
    def handle(self):
        line = self.rfile.readline()
        self.wfile.write(line.upper() + (b"child" if os.getpid() != PARENT else b"parent"))


PARENT = os.getpid()
server = socketserver.ForkingTCPServer(("127.0.0.1", 0), Handler)
thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
thread.start()
for i in range(5):
    with socket.create_connection(server.server_address) as s:
        s.sendall(b"request %d\n" % i)
        print(s.makefile().read().split())
server.shutdown()
thread.join()
server.server_close()
a, b = socket.socketpair()
if os.fork() == 0:
    fd = os.open("sent", os.O_CREAT | os.O_RDWR)
    os.write(fd, b"content")
    socket.send_fds(a, [b"x"], [fd])
    os._exit(0)
os.wait()
_, fds, _, _ = socket.recv_fds(b, 10, 3)
print(os.pread(fds[0], 10, 0))
pipes = [os.pipe() for _ in range(5)]
for i, (_, w) in enumerate(pipes):
    if os.fork() == 0:
        os.write(w, b"%d" % i)
        os._exit(0)
got = set()
while len(got) < 5:
    for r in select.select([r for r, _ in pipes if r not in got], [], [])[0]:
        got.add(r)
print(len(got), sorted(os.read(r, 1) for r in got))
for _ in pipes:
    os.wait()
