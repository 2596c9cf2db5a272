"""Debian's multi-process programs, unmodified, in sessions of VMs: shells, compilers, version control, Python's and Perl's processes, servers.

What they print is known: it depends on nothing but the script.
"""

# ruff: noqa: E501 (programs in other languages)

from __future__ import annotations

import pytest

import ramet

pytestmark = pytest.mark.usefixtures("kvm")

TIMEOUT = 1000

SHELL = {
    "pipeline": (
        r"printf 'b\na\nc\n' | sort | tr a-z A-Z | tee /tmp/x | wc -l; cat /tmp/x; seq 100000 | head -2 | tac; (exit 3) | true; echo ${PIPESTATUS[*]}",
        "3\nA\nB\nC\n2\n1\n3 0\n",
    ),
    "jobs": (
        """(sleep 0.2; echo one) & (sleep 0.6; echo two) & wait; echo all
trap 'echo usr1' USR1; kill -USR1 $$; trap 'echo bye' EXIT
x=$(echo a; exit 3); echo $x $?; sleep 60 & kill %1; wait $! 2>/dev/null; echo $?
cat <<EOF | sed s/o/0/
here $((6 * 7)) document
EOF
coproc cat; echo to coproc >&${COPROC[1]}; read -r line <&${COPROC[0]}; echo $line
diff <(seq 3) <(seq 4) | tail -1; exit 5""",
        "one\ntwo\nall\nusr1\na 3\nbye\n143\nhere 42 d0cument\nto coproc\n> 4\nbye\n",
    ),
    "dash": (
        r"""dash -c 'for i in 1 2 3; do echo $i; done | while read n; do echo "<$n>"; done; (sleep 0.1; exit 4) & wait $!; echo $?; echo $(echo sub $(echo sub))'""",
        "<1>\n<2>\n<3>\n4\nsub sub\n",
    ),
    "busybox": (
        "busybox sh -c 'for i in 1 2 3; do echo $i | busybox cat; done; (busybox sleep 0.1; echo bg) & wait; echo $(echo sub); busybox seq 5 | busybox tail -n 2'",
        "1\n2\n3\nbg\nsub\n4\n5\n",
    ),
    "xargs": (
        r"""seq 20 | xargs -P4 -n2 echo | sort -n | head -3; mkdir -p /tmp/d/{a,b,c}; touch /tmp/d/{a,b,c}/{1,2}
find /tmp/d -type f -exec basename {} \; | sort | uniq -c | tr -s ' '; find /tmp/d -type f -print0 | xargs -0 ls | wc -l""",
        "1 2\n3 4\n5 6\n 3 1\n 3 2\n6\n",
    ),
    "tar": (
        "cd /usr/share && tar cf - common-licenses | gzip -1 | tee /tmp/t.gz | gunzip | (mkdir /tmp/out; cd /tmp/out; tar xf -); diff -r common-licenses /tmp/out/common-licenses && tar tzf /tmp/t.gz | grep -c GPL-3",
        "2\n",
    ),
    "parallel": (
        "mkdir -p ~/.parallel; touch ~/.parallel/will-cite; seq 4 | parallel -j2 -k echo item {}",
        "item 1\nitem 2\nitem 3\nitem 4\n",
    ),
    "awk": (
        """echo x | awk '{ "echo from date" | getline y; print y; print "b\\na" | "sort"; close("sort"); system("echo sys") }'""",
        "from date\na\nb\nsys\n",
    ),
    "sqlite": (
        """cd /tmp; sqlite3 t.db 'pragma journal_mode=wal; create table t(a)'
for i in 1 2 3 4; do (for j in 1 2 3; do sqlite3 -cmd '.timeout 100000' t.db "insert into t values($i*100+$j)"; done) & done; wait
sqlite3 t.db 'select count(*), sum(a) from t; pragma integrity_check'""",
        "wal\n12|3024\nok\n",
    ),
    "make": (
        r"""mkdir /tmp/p; cd /tmp/p; for i in $(seq 12); do echo "int f$i(void) { return $i; }" > f$i.c; done
{ for i in $(seq 12); do echo "int f$i(void);"; done; echo '#include <stdio.h>'; echo 'int main(void) { printf("%d\n", 0'; for i in $(seq 12); do echo " + f$i()"; done; echo '); }'; } > main.c
printf 'objects = $(patsubst %%.c,%%.o,$(wildcard *.c))\nmain: $(objects)\n\tgcc -o $@ $(objects)\n' > Makefile
make -s -j4 && ./main && make -q; echo $?; touch f3.c; make -j4 | wc -l; make -j2 nothing 2>&1 | grep -c 'No rule'""",
        "78\n0\n2\n1\n",
    ),
    "git": (
        """export GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
mkdir /tmp/g; cd /tmp/g; git init -q -b main .; for i in 1 2 3; do echo $i > f$i; git add -A; git commit -q -m "c$i"; done
git log --format=%s | cat; git gc -q; git fsck 2>&1; git log -p | grep -c '^+'; git clone -q . /tmp/g2; ls /tmp/g2
git checkout -q -b side HEAD~1; echo x > g; git add g; git commit -qm side; git rebase -q main; git log --oneline | wc -l""",
        "c3\nc2\nc1\n6\nf1\nf2\nf3\n4\n",
    ),
    "perl": (
        r"""perl -e '$| = 1; $p = fork; if (!$p) { exit 3 } waitpid($p, 0); print $? >> 8, "\n"; open(F, "-|", "echo from child") or die; print <F>; close F;
open(G, "|-", "cat") or die; print G "to child\n"; close G; print `echo backtick`; pipe(R, W); if (!fork) { close R; print W "x" x 100000; exit } close W; local $/; print length(<R>), "\n"; wait; system("kill -9 \$\$"); print $? & 127, "\n"; $SIG{CHLD} = sub { print "chld\n" }; if (!fork) { exit } wait; print "end\n"'""",
        "3\nfrom child\nto child\nbacktick\n100000\n9\nchld\nend\n",
    ),
    "apt": (
        "apt-get --version | head -1 | cut -d' ' -f1; dpkg --version | head -1 | cut -d' ' -f1-4",
        "apt\nDebian 'dpkg' package management\n",
    ),
    "dpkg": (
        r"""mkdir -p /tmp/pk/DEBIAN /tmp/pk/opt /opt/stays; printf 'Package: hello-x\nVersion: 1\nArchitecture: all\nMaintainer: a <a@b>\nDescription: x\n' > /tmp/pk/DEBIAN/control; echo hi > /tmp/pk/opt/hello
printf '#!/bin/sh\necho postinst $1\n' > /tmp/pk/DEBIAN/postinst; chmod 755 /tmp/pk/DEBIAN/postinst
dpkg-deb -b /tmp/pk /tmp/h.deb >/dev/null && dpkg -i /tmp/h.deb | tail -1; cat /opt/hello; dpkg -s hello-x | head -2; dpkg -r hello-x >/dev/null; ls /opt""",
        "postinst configure\nhi\nPackage: hello-x\nStatus: install ok installed\nstays\n",
    ),
}

PYTHON = {
    "subprocess": (
        """
import subprocess
print(subprocess.run(["echo", "hi"], capture_output=True, text=True).stdout, end="")
p = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
print(len(p.communicate(b"x" * 1000000)[0]))
print(subprocess.call(["sh", "-c", "exit 7"]), subprocess.call(["sh", "-c", "kill -9 $$"]))
try: subprocess.run(["sleep", "900"], timeout=0.3)
except subprocess.TimeoutExpired: print("timeout")
try: subprocess.run(["/no/such/program"])
except FileNotFoundError: print("not found")
a = subprocess.Popen(["seq", "1000"], stdout=subprocess.PIPE)
b = subprocess.Popen(["tail", "-1"], stdin=a.stdout, stdout=subprocess.PIPE)
a.stdout.close(); print(b.communicate()[0], a.wait())
""",
        "hi\n1000000\n7 -9\ntimeout\nnot found\nb'1000\\n' 0\n",
    ),
    "fork-and-threads": (
        """
import os, threading
stop = threading.Event()
thread = threading.Thread(target=stop.wait); thread.start()
for n in range(5):
    pid = os.fork()
    if pid == 0: os._exit(threading.active_count() + n)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), end=" ")
stop.set(); thread.join(); print()
""",
        "1 2 3 4 5 \n",
    ),
    "multiprocessing-fork": (
        """
import multiprocessing as mp, os
from multiprocessing import shared_memory
def square(x): return x * x
def add(v, lock):
    for _ in range(40):
        with lock: v.value += 1
def work(inbox, outbox):
    while (n := inbox.get()) is not None: outbox.put(n * 2)
def write(name):
    s = shared_memory.SharedMemory(name=name); s.buf[1] = s.buf[0] + 1; s.close()
mp.set_start_method("fork")
with mp.Pool(4) as pool: print(pool.map(square, range(10)), pool.apply_async(square, (7,)).get(), list(pool.imap(square, range(3))))
v, lock = mp.Value("i", 0, lock=False), mp.Lock()
ps = [mp.Process(target=add, args=(v, lock)) for _ in range(3)]
[p.start() for p in ps]; [p.join() for p in ps]; print(v.value, [p.exitcode for p in ps])
inbox, outbox = mp.Queue(), mp.Queue()
p = mp.Process(target=work, args=(inbox, outbox)); p.start()
for n in [1, 2, 3, None]: inbox.put(n)
print([outbox.get() for _ in range(3)]); p.join()
with mp.Manager() as m:
    d = m.dict(); p = mp.Process(target=lambda: d.update(a=os.getpid() > 1)); p.start(); p.join(); print(dict(d))
s = shared_memory.SharedMemory(create=True, size=100); s.buf[0] = 7
p = mp.Process(target=write, args=(s.name,)); p.start(); p.join(); print(s.buf[1]); s.close(); s.unlink()
a, b = mp.Pipe(); p = mp.Process(target=lambda: b.send(b.recv()[::-1])); p.start(); a.send("abc"); print(a.recv()); p.join()
""",
        "[0, 1, 4, 9, 16, 25, 36, 49, 64, 81] 49 [0, 1, 4]\n120 [0, 0, 0]\n[2, 4, 6]\n{'a': True}\n8\ncba\n",
    ),
    "multiprocessing-spawn": (
        """
import multiprocessing as mp
def square(x): return x * x
if __name__ == "__main__":
    mp.set_start_method("spawn")
    with mp.Pool(2) as pool: print(pool.map(square, range(5)))
""",
        "[0, 1, 4, 9, 16]\n",
    ),
    "futures": (
        """
from concurrent.futures import ProcessPoolExecutor
def square(x): return x * x
if __name__ == "__main__":
    with ProcessPoolExecutor(3) as pool: print(list(pool.map(square, range(8))), pool.submit(pow, 2, 10).result())
""",
        "[0, 1, 4, 9, 16, 25, 36, 49] 1024\n",
    ),
    "asyncio": (
        """
import asyncio
async def shell(n):
    p = await asyncio.create_subprocess_shell(f"echo {n}", stdout=-1)
    return (await p.communicate())[0]
async def main():
    p = await asyncio.create_subprocess_exec("sh", "-c", "echo out; echo err >&2; exit 5", stdout=-1, stderr=-1)
    print(await p.communicate(), p.returncode, await asyncio.gather(*[shell(n) for n in range(4)]))
asyncio.run(main())
""",
        "(b'out\\n', b'err\\n') 5 [b'0\\n', b'1\\n', b'2\\n', b'3\\n']\n",
    ),
}


# Their words for what went wrong belong to the output. `until` waits for what a server does in its own time.
SERVERS = {
    "redis": (
        """redis-server --port 7000 --unixsocket /tmp/redis.sock --daemonize yes --dir /tmp --logfile /tmp/log --save '' --appendonly no >/dev/null
cli() { redis-cli -s /tmp/redis.sock "$@"; }; said() { cli info persistence | grep -q "$1"; }
until cli ping 2>/dev/null | grep PONG; do sleep 0.1; done
redis-cli -p 7000 eval 'for i = 1, 2000 do redis.call("set", "k" .. i, string.rep("v", 100)) end return redis.call("dbsize")' 0
cli bgsave; until said rdb_bgsave_in_progress:0; do sleep 0.1; done
cli info persistence | grep -o rdb_last_bgsave_status:..; redis-check-rdb /tmp/dump.rdb | grep -o '2000 keys read'
cli config set appendonly yes; until said aof_rewrite_in_progress:0; do sleep 0.1; done
cli set late 42; redis-benchmark -s /tmp/redis.sock -n 1000 -c 10 -t incr -q | tr '\\r' '\\n' | grep -c 'requests per second'
cli bgrewriteaof; until said aof_rewrite_scheduled:0 && said aof_rewrite_in_progress:0; do sleep 0.1; done
cli info persistence | grep -o aof_last_bgrewrite_status:..; (cli blpop list 0 & until cli info clients | grep -q blocked_clients:1; do sleep 0.1; done; length=$(cli rpush list item); wait; echo $length)
cli shutdown nosave; while pgrep -x redis-server; do sleep 0.1; done >/dev/null
redis-server --port 7000 --unixsocket /tmp/redis.sock --daemonize yes --dir /tmp --appendonly yes >/dev/null
until cli get late 2>/dev/null | grep 42; do sleep 0.1; done; cli dbsize; grep -c 'terminated with success' /tmp/log""",
        """PONG
2000
Background saving started
rdb_last_bgsave_status:ok
2000 keys read
OK
OK
1
Background append only file rewriting started
aof_last_bgrewrite_status:ok
list
item
1
42
2002
3
""",
    ),
    "postgres": (
        """export PATH=/usr/lib/postgresql/15/bin:$PATH HOME=/tmp LANG=C; cd /tmp
initdb -D data -A trust -U postgres --no-sync >initdb.log 2>&1 || cat initdb.log
start() { pg_ctl -D data -o "-k /tmp -c listen_addresses=127.0.0.1 -c shared_buffers=8MB -c fsync=off" -w -t 600 -l log start | tail -1; }
sql() { psql -h /tmp -U postgres -Atqc "$1"; }
start; sql "create table t(a int primary key, b text); insert into t select g, md5(g::text) from generate_series(1, 2000) g; select count(*), max(b) from t"
for i in 1 2 3; do sql "begin; update t set b = b || '+' where a = 7; select pg_sleep(0.1); commit" >/dev/null & done; wait
psql -h 127.0.0.1 -U postgres -Atqc "select right(b, 3) from t where a = 7; begin; delete from t; rollback; select count(*) from t"
sql "set max_parallel_workers_per_gather = 2; set min_parallel_table_scan_size = 0; set force_parallel_mode = on; select sum(length(b)) from t"
sql "select pg_sleep(1000)" 2>&1 & until sql "select pg_cancel_backend(pid) from pg_stat_activity where query like '%sleep(1000)%' and pid <> pg_backend_pid()" | grep -q t; do sleep 0.1; done; wait
pg_ctl -D data -m immediate -w stop | tail -1; start; sql "select count(*) from t"; pg_ctl -D data -w -t 600 stop | tail -1; grep -E 'PANIC|FATAL' log; test -e data/postmaster.pid || echo gone""",
        """server started
2000|ffeed84c7cb1ae7bf4ec4bd78275bb98
+++
2000
64003
ERROR:  canceling statement due to user request
server stopped
server started
2000
server stopped
gone
""",
    ),
    "nginx": (
        """export PATH=/usr/sbin:$PATH; mkdir -p /tmp/ng/logs /tmp/ng/www; cd /tmp/ng; echo hello > www/index.html; head -c 300000 /dev/zero | tr '\\0' x > www/big
cat > conf <<'EOF'
worker_processes 3; user root; pid /tmp/ng/pid; error_log /tmp/ng/logs/error;
events { worker_connections 64; }
http { access_log /tmp/ng/logs/access; client_body_temp_path b; proxy_temp_path p; fastcgi_temp_path f; uwsgi_temp_path u; scgi_temp_path s;
 server { listen 127.0.0.1:8080; root /tmp/ng/www; sendfile on; location /proxy/ { proxy_pass http://127.0.0.1:8081/; } }
 server { listen 127.0.0.1:8081; location / { return 200 "upstream $request_uri\\n"; } } }
EOF
ng() { nginx -p /tmp/ng -e logs/error -c conf "$@" 2>/dev/null; }; workers() { until [ "$(pgrep -fc '^nginx: worker process$')" = $1 ]; do sleep 0.1; done; echo $1 workers; }
ng; workers 3; curl -s 127.0.0.1:8080/ 127.0.0.1:8080/proxy/x; curl -s -o /dev/null -w '%{http_code}\\n' 127.0.0.1:8080/none
for i in $(seq 6); do curl -s 127.0.0.1:8080/big | md5sum & done | sort | uniq -c | tr -s ' '; wait
kill -9 $(pgrep -f '^nginx: worker process$' | head -1); until grep -q 'exited on signal 9' logs/error; do sleep 0.1; done; workers 3
sed -i 's/worker_processes 3/worker_processes 2/' conf; echo again > www/index.html; ng -s reload; workers 2; curl -s 127.0.0.1:8080/
ng -s quit; while [ -e pid ]; do sleep 0.1; done; pgrep -fc ^nginx:; wc -l < logs/access""",
        """3 workers
hello
upstream /x
404
 6 d408ed46ebcc326f9e7c6bb9c77af1cd -
3 workers
2 workers
again
0
11
""",
    ),
}


def run(command: list[str], image: str = "test-devel", **options: object) -> ramet.Result:
    """Runs a program of many processes to its end."""
    with ramet.run(image, command, memory="1G", **options) as vm:  # type: ignore[arg-type]
        return vm.communicate(timeout=TIMEOUT)


@pytest.mark.parametrize("name", SHELL)
def test_shell(name: str) -> None:
    script, expected = SHELL[name]
    result = run(["bash", "-c", script])
    assert (result.stdout.decode(), result.status) == (expected, 5 if name == "jobs" else 0), result.stderr.decode()


@pytest.mark.parametrize("name", PYTHON)
def test_python(name: str) -> None:
    script, expected = PYTHON[name]
    command = 'cat > /tmp/main.py <<"EOF"\n' + script + "\nEOF\nexec python3 /tmp/main.py"
    result = run(["bash", "-c", command])
    assert (result.stdout.decode(), result.status) == (expected, 0), result.stderr.decode()


@pytest.mark.parametrize("name", SERVERS)
def test_server(name: str) -> None:
    script, expected = SERVERS[name]
    # PostgreSQL refuses to be root's.
    result = run(["bash", "-c", script], image="test-servers", user="65534:65534" if name == "postgres" else None)
    assert (result.stdout.decode(), result.status) == (expected, 0), result.stderr.decode()
