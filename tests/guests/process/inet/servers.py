# Servers of Python's library with a process for each request, and clients in other processes.
import http.server
import os
import socket
import socketserver
import threading
import urllib.request


class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        for line in self.rfile:
            self.wfile.write(line.upper())


class Server(socketserver.ForkingTCPServer):
    allow_reuse_address = True


with Server(("127.0.0.1", 0), Echo) as server:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    for number in range(3):
        with socket.create_connection(server.server_address) as client:
            client.sendall(b"hello %d\n" % number)
            client.shutdown(socket.SHUT_WR)
            print(client.makefile().read().strip(), flush=True)
    server.shutdown()
    thread.join()


class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.path.encode() * 100
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Pages(socketserver.ForkingMixIn, http.server.HTTPServer):
    pass


pages = Pages(("127.0.0.1", 0), Page)
pid = os.fork()
if pid == 0:
    pages.serve_forever()
for name in ("one", "two"):
    with urllib.request.urlopen(f"http://127.0.0.1:{pages.server_port}/{name}") as answer:
        print(answer.status, len(answer.read()), flush=True)
os.kill(pid, 15)
print(os.waitpid(pid, 0)[1], flush=True)
pages.server_close()
