"""Real programs from Debian, unmodified, in VMs: compared with what they print on the host, or with known answers.

Programs whose host and image versions are the same Debian's run in both places. What a program prints must not depend
on the place, so everything here is deterministic.
"""

# ruff: noqa: E501 (programs in other languages)

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import ramet

pytestmark = pytest.mark.usefixtures("kvm")

HERE = Path(__file__).parent
# Generous: pytest has a limit of its own, and emulated hosts are slow.
TIMEOUT = 1000


def run(image: str, command: list[str], input: bytes | str = b"", **options: object) -> ramet.Result:
    """Runs a program in a VM to its end."""
    with ramet.run(image, command, **options) as vm:  # type: ignore[arg-type]
        return vm.communicate(input, timeout=TIMEOUT)


PYTHON = {
    "threads": """
import queue, threading, time
q, out, lock = queue.Queue(maxsize=3), [], threading.Lock()
def work():
    while (item := q.get()) is not None:
        with lock: out.append(item * item)
        time.sleep(0)
threads = [threading.Thread(target=work) for _ in range(16)]
for t in threads: t.start()
for i in range(1000): q.put(i)
for t in threads: q.put(None)
for t in threads: t.join()
print(sum(out), len(out))
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool: print(sum(pool.map(lambda n: n ** 3, range(500))))
barrier, e = threading.Barrier(4), threading.Event()
threading.Timer(0.05, e.set).start()
print(e.wait(60), threading.local() is not None)
""",
    "sqlite-wal": """
import os, sqlite3, tempfile, threading
path = os.path.join(tempfile.mkdtemp(), "db")
db = sqlite3.connect(path)
print(db.execute("pragma journal_mode=wal").fetchone())
db.execute("create table t(k integer primary key, v text)")
with db: db.executemany("insert into t values(?, ?)", ((i, str(i) * 9) for i in range(5000)))
print(sorted(os.path.basename(p) for p in os.listdir(os.path.dirname(path))))
def reader(out):
    other = sqlite3.connect(path, timeout=100)
    out.append(other.execute("select count(*), sum(length(v)) from t").fetchone())
    with other: other.execute("update t set v = v || 'x' where k % 7 = 0")
    other.close()
outs = []
threads = [threading.Thread(target=reader, args=(outs,)) for _ in range(4)]
for t in threads: t.start()
for t in threads: t.join()
print(len(outs), db.execute("select sum(length(v)) from t").fetchone())
try:
    with db:
        db.execute("delete from t"); raise KeyError
except KeyError: pass
print(db.execute("select count(*) from t").fetchone(), db.execute("pragma integrity_check").fetchone())
print(db.execute("pragma wal_checkpoint(truncate)").fetchone()); db.execute("vacuum"); db.close()
print(sorted(os.path.basename(p) for p in os.listdir(os.path.dirname(path))))
""",
    "digests": """
import hashlib, hmac, zlib, binascii
data = bytes(range(256)) * 999
for name in sorted(hashlib.algorithms_guaranteed):
    h = hashlib.new(name, data)
    print(name, h.hexdigest(20) if name.startswith("shake") else h.hexdigest())
print(hmac.new(b"k", data, "sha512").hexdigest(), zlib.crc32(data), zlib.adler32(data))
print(hashlib.pbkdf2_hmac("sha256", b"p", b"s", 1000).hex(), hashlib.scrypt(b"p", salt=b"s", n=1024, r=8, p=1).hex())
""",
    "compression": """
import bz2, gzip, io, lzma, tarfile, zipfile, zlib, tempfile, os
data = b"".join(b"%d squared is %d\\n" % (i, i * i) for i in range(20000))
for m in (bz2, lzma, zlib):
    small = m.compress(data)
    print(m.__name__, len(small), m.decompress(small) == data)
os.chdir(tempfile.mkdtemp())
for name, o in (("a.gz", gzip.open), ("a.xz", lzma.open), ("a.bz2", bz2.open)):
    with o(name, "wb") as f: f.write(data)
    with o(name) as f: print(name, f.read() == data)
with tarfile.open("t.tar.xz", "w:xz") as t: t.add("a.gz"); t.add("a.bz2")
with tarfile.open("t.tar.xz") as t: t.extractall("out"); print(t.getnames(), sorted(os.listdir("out")))
with zipfile.ZipFile("z.zip", "w", zipfile.ZIP_DEFLATED) as z: z.writestr("n", data)
print(zipfile.ZipFile("z.zip").testzip(), zipfile.ZipFile("z.zip").read("n") == data)
""",
    "numbers": """
import cmath, decimal, fractions, math, random, statistics
decimal.getcontext().prec = 200
print(decimal.Decimal(2).sqrt(), decimal.Decimal(1).exp())
print(math.factorial(200) % (2**61 - 1), pow(3, 10**6, 10**9 + 7), fractions.Fraction(355, 113) ** 9)
print([repr(f(0.7)) for f in (math.sin, math.exp, math.gamma, math.erf, cmath.sqrt)], math.fsum([0.1] * 10))
random.seed(5); print(random.random(), random.sample(range(100), 5), statistics.stdev([1, 2, 4, 9]))
print(float.fromhex("0x1.8p-1074"), 1e308 * 10, math.nextafter(1, 2), str(2**4000)[:40])
""",
    "text": """
import csv, difflib, email, html, io, json, re, textwrap, unicodedata, urllib.parse, xml.etree.ElementTree as E
print(json.dumps(json.loads('{"a": [1, 2.5, null, "\\\\u00e9"]}'), sort_keys=True))
print(re.sub(r"(?P<y>\\d+)-(\\d+)", r"\\2/\\g<y>", "2024-05 x 1999-12"), re.findall(r"\\b\\w{5}\\b", "hello there worlds again"))
print(E.tostring(E.fromstring("<a b='1'>t<c/>&lt;</a>")), html.escape("<&>"), urllib.parse.quote("ä b/c"))
w = csv.writer(o := io.StringIO()); w.writerow(["a,b", 'q"q', 3]); print(o.getvalue().strip())
print(unicodedata.normalize("NFD", "Åé").encode(), textwrap.fill("word " * 30, 40), sep="\\n")
print(*difflib.unified_diff("abc", "abd", lineterm=""))
""",
    "asyncio": """
import asyncio, os, socket
async def main():
    r, w = os.pipe()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(r, "rb", 0))
    transport, _ = await loop.connect_write_pipe(asyncio.BaseProtocol, os.fdopen(w, "wb", 0))
    transport.write(b"x" * 300000); transport.close()
    print(len(await reader.read()))
    async def echo(r, w):
        while line := await r.readline(): w.write(line.upper())
        w.close()
    server = await asyncio.start_unix_server(echo, "/tmp/programs-test.sock")
    async def client(i):
        r, w = await asyncio.open_unix_connection("/tmp/programs-test.sock")
        w.write(b"hello %d\\n" % i); answer = await r.readline(); w.close()
        return answer
    print(len(set(await asyncio.gather(*(client(i) for i in range(50))))))
    server.close(); os.unlink("/tmp/programs-test.sock")
    print(await asyncio.to_thread(sum, range(10)))
    try: await asyncio.wait_for(asyncio.sleep(1000), 0.05)
    except asyncio.TimeoutError: print("timed out")
    stop = asyncio.Event(); loop.add_signal_handler(10, stop.set); os.kill(os.getpid(), 10); await stop.wait(); print("signal")
asyncio.run(main())
""",
    "system": """
import array, ctypes, fcntl, mmap, os, select, signal, struct, tempfile, uuid, ssl, time, resource
libc = ctypes.CDLL(None)
callback = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
values = (ctypes.c_int * 6)(5, 2, 9, 1, 7, 3)
libc.qsort(values, 6, 4, callback(lambda a, b: a[0] - b[0])); print(list(values), libc.strlen(b"four"))
with tempfile.TemporaryFile() as f:
    f.truncate(1 << 20)
    with mmap.mmap(f.fileno(), 0) as m: m[5000:5005] = b"hello"; m.flush(); print(m.find(b"hello"), m.size())
    f.seek(5000); print(f.read(5), os.pread(f.fileno(), 3, 5001))
a = mmap.mmap(-1, 8 << 20); a[-1] = 7; print(a[-1], sum(a[:4096])); a.close()
r, w = os.pipe(); print(select.select([r], [w], [], 0)[1] == [w]); os.write(w, b"12"); print(select.select([r], [], [], 60)[0] == [r])
p = select.epoll(); p.register(r, select.EPOLLIN); print(p.poll(60)[0][1] == select.EPOLLIN, fcntl.ioctl(r, 0x541B, b"0000"))
seen = []; signal.signal(signal.SIGALRM, lambda *_: seen.append(1)); signal.setitimer(signal.ITIMER_REAL, 0.02, 0.02)
while len(seen) < 3: signal.pause()
signal.setitimer(signal.ITIMER_REAL, 0); print("alarms")
print(signal.sigtimedwait([signal.SIGUSR1], 0.01), len(uuid.uuid4().hex), uuid.uuid5(uuid.NAMESPACE_DNS, "x"))
context = ssl.create_default_context(); print(context.check_hostname, ssl.MemoryBIO().write(b"abc"))
print(resource.getrlimit(resource.RLIMIT_CORE)[0] >= -1, time.monotonic() < time.monotonic() + 1e-3, os.cpu_count() >= 1)
with tempfile.TemporaryDirectory() as d:
    os.chdir(d); os.makedirs("a/b/c"); os.symlink("b", "a/l"); open("a/b/c/f", "w").write("x"); os.link("a/b/c/f", "g")
    print([(p[2:], sorted(x), sorted(y)) for p, x, y in os.walk(".")], os.stat("g").st_nlink, os.path.realpath("a/l")[-3:])
    os.rename("a/b", "z"); print(os.path.exists("a/l"), os.listdir("z/c")); os.chmod("g", 0o4711); print(oct(os.stat("g").st_mode))
    os.utime("g", ns=(10**9, 2 * 10**9 + 5)); print(os.stat("g").st_mtime_ns); os.chdir("/")
""",
}


@pytest.mark.parametrize("name", PYTHON)
def test_python_as_on_the_host(name: str) -> None:
    command = ["python3", "-X", "utf8", "-W", "error::SyntaxWarning", "-c", PYTHON[name]]
    native = subprocess.run([sys.executable, *command[1:]], capture_output=True, timeout=TIMEOUT, check=True)
    result = run("python", command)
    assert (result.status, str(result.stderr)) == (0, "")
    assert str(result.stdout) == native.stdout.decode()


# Modules of Python's own tests that take seconds. Left out: dnotify, which a kernel may be built without, as this one is.
LIBRARY = {
    "language": "test_int test_float test_math test_struct test_re test_json test_array test_range -TestTool",
    "libraries": "test_hashlib test_zlib test_bz2 test_tempfile test_shelve test_dbm test_pathlib test_shutil",
    "system": "test_mmap test_posix test_signal test_stat test_fileio test_largefile test_openpty test_poll"
    " test_resource test_time test_thread test_os test_fcntl -test_fcntl_64_bit",
    "processes": "test_fork1 test_wait3 test_wait4 test_popen test_pipes test_pty test_selectors test_threadsignals",
    # Once with each way to wait is enough of a test; test_no_leaking starts a thousand Pythons.
    "subprocess": "test_subprocess -NoPoll -test_no_leaking",
    "network": "test_socketserver test_select test_epoll test_asyncore",
}


@pytest.mark.parametrize("group", LIBRARY)
def test_pythons_own_tests(group: str) -> None:
    script = (HERE / "standard_library.py").read_text()
    result = run("test-programs", ["python3", "-c", script, *LIBRARY[group].split()], memory="1G")
    assert result.status == 0, result.stderr
    results = json.loads(str(result.stdout).splitlines()[-1])
    assert {name: outcome["failed"] for name, outcome in results.items() if outcome["failed"]} == {}, result.stderr
    assert all(outcome["ran"] > outcome["skipped"] for outcome in results.values()), results


BASH = r"""
a=(one two "three four"); a+=(five); declare -A m=([k]=v [x]=y); printf '%s|' "${a[@]/o/0}" "${#a[@]}" "${m[k]}"; echo
echo $((2**40 % 1000007)) $((0x1f | 8)) ${a[2]^^} ${a[-1]:1:2}
read -r x y <<< "p q r"; echo "$y"; while IFS=: read -r n _; do echo "$n"; break; done < /etc/passwd
[[ abc123 =~ ([a-z]+)([0-9]+) ]] && echo "${BASH_REMATCH[2]}"; case abc in a*) echo case;; esac
printf '%05d %q %x %(%Y)T %b\n' 42 'a b' 255 0 'tab\there'
f() { local IFS=,; echo "$*"; return 7; }; f 1 2 3; echo $?
mapfile -t lines <<< $'x\ny\nz'; echo ${#lines[@]}; printf -v v '%03d' 5; echo $v
trap 'echo usr1' USR1; kill -USR1 $$; echo after
for ((i = 0; i < 3; i++)); do set -- "$@" "$i"; done; echo $# "$@"; shift 2; echo "$1"
echo text > /tmp/programs-test-bash; exec 5< /tmp/programs-test-bash; read -u 5 z; exec 5<&-; echo "$z"; echo {1..3}{a,b}
shopt -s extglob nullglob; s=/usr/../etc; echo ${s##*/} ${s//\//-} /nonexistent*; ulimit -c 0; umask 027; umask
read -t 0.05 -u 0 q; echo "read: $?"; trap 'echo bye' EXIT; exit 9
"""
PERL = r"""
use strict; use warnings; use Socket; use POSIX (); use Fcntl; use Time::HiRes qw(time sleep alarm);
my %h; $h{$_}++ for split //, "mississippi"; print join(",", map {"$_$h{$_}"} sort {$h{$b} <=> $h{$a} || $a cmp $b} keys %h), "\n";
(my $t = "The quick brown fox") =~ s/(\w+)/\u\L$1/g; print "$t ", $t =~ tr/a-z//, " ", scalar reverse("abc"), "\n";
print "$1-$2\n" while "k=v; x=y" =~ /(\w)=(\w)/g; printf "%05.2f|%-6s|%+d|%e|%b|%s\n", 3.14159, "ab", 7, 12345.678, 10, 1e15;
socketpair(my $left, my $right, AF_UNIX, SOCK_STREAM, PF_UNSPEC) or die $!; syswrite $left, "hey\n"; print scalar <$right>;
open my $f, "+>", "/tmp/programs-test-perl" or die; print $f "line $_\n" for 1..1000; seek $f, 0, 0;
my @l = sort {$b cmp $a} <$f>; print scalar(@l), " ", $l[0]; truncate $f, 10; print -s $f, "\n"; unlink "/tmp/programs-test-perl";
my $n = 0; $SIG{ALRM} = sub {$n++}; alarm 0.02; my $before = time; sleep 50; print $n, " ", time - $before < 50 ? "early" : "late", "\n";
eval {local $SIG{__DIE__}; die {code => 5}}; print $@->{code}, "\n"; print join(" ", unpack("NnA3", pack("NnA3", 1, 2, "abc"))), "\n";
my @s = map {$_->[1]} sort {$a->[0] <=> $b->[0]} map {[length, $_]} qw(ccc a bb); print "@s ", POSIX::floor(-1.5), "\n";
$SIG{TERM} = sub {print "term\n"; exit 4}; kill TERM => $$; sleep 60;
"""
SQL = """
create table t(a integer primary key, b text); create index i on t(b);
with recursive n(x) as (select 1 union all select x + 1 from n where x < 20000) insert into t select x, 'v' || (x * 7919 % 10007) from n;
select count(*), count(distinct b), max(b) from t; begin; delete from t where a % 2; rollback; select sum(a) from t;
select json_extract('{"a":[1,2,{"b":3}]}', '$.a[2].b'), printf('%.3f', 2.0/3), upper(hex(zeroblob(2)));
select a, rank() over (order by b desc) from t order by a limit 3; pragma integrity_check;
"""
SQL_ANSWER = """20000|10007|v9999
200010000
3|0.667|0000
1|4618
2|9253
3|13889
ok
"""
TEXT = "".join(f"{i} {i * 7919 % 1009} word{i % 13}\n" for i in range(2000))

# image, command, standard input: the host's program of the same name says what is right.
SAME: dict[str, tuple[str, list[str], str]] = {
    "bash": ("test-tools", ["bash", "-c", BASH], ""),
    "dash": (
        "test-tools",
        ["dash", "-c", 'x=5; while [ $x -gt 0 ]; do x=$((x-1)); done; echo $x ${y:-d} "$#"; read l; echo "$l"; exit 3', "n"],
        "in\n",
    ),
    "perl": ("test-tools", ["perl", "-e", PERL], ""),
    "sed": ("test-tools", ["sed", "-En", r"s/^([0-9]+) ([0-9]+) (word1*)$/\3:\2/p;$="], TEXT),
    "grep": ("test-tools", ["grep", "-nE", r"(99|11) word(1|7)$"], TEXT),
    "grep-P": ("test-tools", ["grep", "-cP", r"(?<=5)\d(?! )"], TEXT),
    "sort": ("test-tools", ["sort", "-k3,3", "-k2,2nr"], TEXT),
    "od": ("test-tools", ["od", "-A", "x", "-t", "x2z"], TEXT[:999]),
    "sha512sum": ("test-tools", ["sha512sum"], TEXT),
    "mawk": ("test-programs", ["mawk", "{s[$3]+=$2} END {for (i = 0; i < 13; i++) print i, s[\"word\" i], sqrt(i)}"], TEXT),
}  # fmt: skip


@pytest.mark.parametrize("name", SAME)
def test_same_as_on_the_host(name: str) -> None:
    image, command, text = SAME[name]
    environment = {"LC_ALL": "C.UTF-8", "TZ": "UTC"}
    native = subprocess.run(
        command, input=text.encode(), capture_output=True, timeout=TIMEOUT, env={**environment, "PATH": os.defpath}
    )
    result = run(image, command, text, env=environment)
    assert (result.status, str(result.stdout), str(result.stderr)) == (
        native.returncode,
        native.stdout.decode(),
        native.stderr.decode(),
    )


LUA = "local t = {} for i = 1, 1000 do t[#t + 1] = ('%d'):format(i * i) end print(#table.concat(t), ('x=1'):match('(%w)=(%d)'))"
KNOWN: dict[str, tuple[str, list[str], str, str]] = {
    "busybox-md5": ("test-busybox", ["busybox", "md5sum"], TEXT, hashlib.md5(TEXT.encode()).hexdigest() + "  -\n"),
    "busybox-awk": ("test-busybox", ["busybox", "awk", "{n += $1} END {print n, NR}"], TEXT, "1999000 2000\n"),
    "busybox-sed": ("test-busybox", ["busybox", "sed", "-n", "s/^5 //p"], TEXT, f"{5 * 7919 % 1009} word5\n"),
    "busybox-sort": ("test-busybox", ["busybox", "sort", "-rn"], "3\n10\n2\n", "10\n3\n2\n"),
    "busybox-wc": ("test-busybox", ["busybox", "wc", "-l"], TEXT, "2000\n"),
    "busybox-dd": ("test-busybox", ["busybox", "dd", "bs=7", "count=2", "skip=1", "status=none"], "a" * 7 + "b" * 20, "b" * 14),
    "busybox-sh": ("test-busybox", ["busybox", "sh", "-c", "for i in 1 2 3; do echo $((i*i)); done"], "", "1\n4\n9\n"),
    "lua": ("test-tools", ["lua5.4", "-e", LUA], "", "5543\tx\t1\n"),
    "luajit": (
        "test-tools",
        ["luajit", "-e", "local s = 0 for i = 1, 3e7 do s = s + i % 7 end print(s, (jit.status()))"],
        "",
        "89999997\ttrue\n",
    ),
    "gawk": (
        "test-tools",
        ["gawk", "{a[$3] = a[$3] + 1} END {n = asorti(a, k); print n, k[1], a[k[1]], strftime(\"%Y\", 0, 1), gensub(/o/, \"0\", \"g\", \"foo\")}"],
        TEXT,
        "13 word0 154 1970 f00\n",
    ),
    "sqlite3": ("test-tools", ["sqlite3", "/tmp/db"], SQL, SQL_ANSWER),
    "bc": ("test-programs", ["bc", "-l"], "scale=50\n4*a(1)\n2^200\n", "3.14159265358979323846264338327950288419716939937508\n" f"{2**200}\n"),
    "jq": ("test-programs", ["jq", "-c", "[.[] | select(.a > 1) | {b: (.a * 2), s: (.n | ascii_upcase)}]"], '[{"a":1,"n":"x"},{"a":2,"n":"y"}]', '[{"b":4,"s":"Y"}]\n'),
    "ruby": (
        "test-programs",
        [
            "ruby",
            "-e",
            "q = Queue.new; t = 4.times.map { |i| Thread.new { sleep 0.01 * i; q << i * i } }; t.each(&:join); "
            'p 4.times.map { q.pop }.sum, "abc".gsub(/b/) { |m| m.upcase }, (1..30).inject(:*); '
            "File.write('/tmp/r', 'x' * 1000); p File.size('/tmp/r'); GC.start; "
            "f = Fiber.new { Fiber.yield 1; 2 }; p [f.resume, f.resume]",
        ],
        "",
        '14\n"aBc"\n265252859812191058636308480000000\n1000\n[1, 2]\n',
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", KNOWN)
def test_known_answer(name: str) -> None:
    image, command, text, expected = KNOWN[name]
    result = run(image, command, text)
    assert (result.status, str(result.stdout), str(result.stderr)) == (0, expected, "")


GO = r"""
package main

import ("fmt"; "os"; "os/signal"; "runtime"; "sync"; "syscall"; "time")

type node struct{ l, r *node }

func tree(d int) *node { if d == 0 { return &node{} }; return &node{tree(d - 1), tree(d - 1)} }
func (n *node) count() int { if n.l == nil { return 1 }; return 1 + n.l.count() + n.r.count() }

func main() {
	var wg sync.WaitGroup
	ch := make(chan int)
	for i := 0; i < 1000; i++ {
		wg.Add(1)
		go func(i int) { defer wg.Done(); time.Sleep(time.Duration(i%10) * time.Millisecond); ch <- i }(i)
	}
	go func() { wg.Wait(); close(ch) }()
	sum := 0
	for v := range ch { sum += v }
	for i := 0; i < 10; i++ { sum += tree(14).count() }
	runtime.GC()
	go func() { for { } }() // only a signal takes the CPU from this one
	ticker := time.NewTicker(5 * time.Millisecond)
	for i := 0; i < 3; i++ { <-ticker.C }
	s := make(chan os.Signal, 1)
	signal.Notify(s, syscall.SIGUSR1)
	syscall.Kill(os.Getpid(), syscall.SIGUSR1)
	fmt.Println(sum, <-s)
	r, w, _ := os.Pipe()
	go func() { w.Write([]byte("pipe")); w.Close() }()
	b := make([]byte, 10)
	n, _ := r.Read(b)
	fmt.Println(string(b[:n]), os.Args[1:], os.Getenv("A"))
	defer func() { fmt.Println(recover()); os.Exit(3) }()
	var p *int
	fmt.Println(*p)
}
"""
C = r"""
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
static __thread long mine = 5;
static void *square(void *n) { mine += (long)n * (long)n; return (void *)mine; }
int main(int count, char **arguments) {
    pthread_t threads[8];
    long sum = 0;
    for (long i = 0; i < 8; i++) if (pthread_create(&threads[i], 0, square, (void *)i)) return 9;
    for (int i = 0; i < 8; i++) { void *result; pthread_join(threads[i], &result); sum += (long)result; }
    char *p = malloc(1 << 22);
    memset(p, 1, 1 << 22);
    p = realloc(p, 1 << 23);
    printf("%ld %.10f %d %s\n", sum + mine, sqrt(sum), p[12345], arguments[count - 1]);
    return 7;
}
"""


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with programs compiled in ways that Debian's packages are not."""
    folder = tmp_path_factory.mktemp("compiled")
    (folder / "go.go").write_text(GO)
    (folder / "c.c").write_text(C)
    environment = {**os.environ, "CGO_ENABLED": "0", "GO111MODULE": "off"}
    if shutil.which("go"):
        subprocess.run(["go", "build", "-o", "go", "go.go"], cwd=folder, env=environment, check=True, timeout=300)
    for name, command in {
        "musl": ["musl-gcc", "-static"],
        "position": ["gcc", "-no-pie"],
        "static": ["gcc", "-static"],
        "static-pie": ["gcc", "-static-pie"],
    }.items():
        subprocess.run([*command, "-O2", "-o", name, "c.c", "-lm"], cwd=folder, check=True, timeout=100)
    return folder


@pytest.mark.parametrize("name", ["musl", "position", "static", "static-pie"])
def test_compiled_c(compiled: Path, name: str) -> None:
    result = run("test-tools", [f"/bin/compiled/{name}", "last"], volumes=[f"{compiled}:/bin/compiled:ro"])
    assert (result.status, str(result.stdout)) == (7, "185 13.4164078650 1 last\n")


def test_compiled_go(compiled: Path) -> None:
    assert (compiled / "go").exists(), "go is missing: `make setup` as root installs it (golang-go)"
    result = run("test-busybox", ["/mnt/go", "x"], volumes=[f"{compiled}:/mnt:ro"], env={"A": "b"})
    expected = (
        "827170 user defined signal 1\npipe [x] b\nruntime error: invalid memory address or nil pointer dereference\n"
    )
    assert (result.status, str(result.stdout), str(result.stderr)) == (3, expected, "")


def test_statuses() -> None:
    cases = {
        "import sys; sys.exit(259)": 3,
        "raise SystemExit('text')": 1,
        "import os; os.abort()": 128 + signal.SIGABRT,
        "import os; os.kill(os.getpid(), 9)": 128 + signal.SIGKILL,
        "import os; os.kill(os.getpid(), 34)": 128 + 34,
        "import ctypes; ctypes.string_at(8)": 128 + signal.SIGSEGV,
        "import signal; signal.signal(13, signal.SIG_DFL); import os; r, w = os.pipe(); os.close(r); os.write(w, b'x')": 141,
        "import threading, os; threading.Thread(target=lambda: os._exit(17)).start(); import time; time.sleep(600)": 17,
    }
    vms = {code: ramet.run("python", ["python3", "-c", code], stdin=ramet.DEVNULL) for code in cases}
    results = {code: vm.communicate(timeout=TIMEOUT).status for code, vm in vms.items()}
    assert results == cases


@pytest.mark.parametrize(("program", "status"), [("nosuch", 127), ("/usr", 126), ("/etc/passwd", 126)])
def test_not_a_program(cli, program: str, status: int) -> None:
    done = cli("run", "--rm", "test-tools", program, timeout=TIMEOUT, check=status)
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert program in done.stderr


def test_the_programs_surroundings(cli) -> None:
    script = 'echo "$PWD $A $# $1 $UID $EUID ${HOME+home}"; : > /tmp/mine && echo tmp; : > /etc/theirs || echo "no: $?"'
    options = ["-w", "/usr/lib", "-e", "A=b c", "-u", "nobody"]
    done = cli("run", "--rm", *options, "test-tools", "bash", "-c", script, "bash", "one", timeout=TIMEOUT, check=0)
    assert done.stdout.splitlines()[0].startswith("/usr/lib b c 1 one 65534 65534")
    assert done.stdout.splitlines()[1:] == ["tmp", "no: 1"]
    assert "Permission denied" in done.stderr
    done = cli("run", "--rm", "-u", "12:34", "python", "python3", "-c", "import os; print(os.getresuid(), os.getresgid(), os.getgroups())",
               timeout=TIMEOUT, check=0)  # fmt: skip
    assert done.stdout.startswith("(12, 12, 12) (34, 34, 34) [")


def test_much_output_and_a_slow_reader() -> None:
    size = 10_000_000
    script = f"import sys\nfor i in range({size} // 100): sys.stdout.buffer.write(b'%099d\\n' % i)\nprint('end', file=sys.stderr)"
    digest = hashlib.sha256()
    with ramet.run("python", ["python3", "-c", script], stderr=ramet.DEVNULL) as vm:
        assert vm.stdout is not None
        read = 0
        while data := vm.stdout.read(250_000):
            digest.update(data)
            read += len(data)
            time.sleep(0.01)
        assert (read, vm.wait(TIMEOUT)) == (size, 0)
    assert digest.hexdigest() == hashlib.sha256(b"".join(b"%099d\n" % i for i in range(size // 100))).hexdigest()


def test_much_input_and_its_end() -> None:
    data = os.urandom(3_000_000)
    result = run("test-tools", ["sha256sum"], data)
    assert str(result.stdout).split()[0] == hashlib.sha256(data).hexdigest()
    assert run("test-tools", ["bash", "-c", "read x; echo $? [$x]"], "").stdout == b"1 []\n"


def test_a_reader_that_goes_ends_the_writer(cli) -> None:
    command = [*cli.command, "run", "--rm", "test-tools", "yes"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.read(4) == b"y\ny\n"
        process.stdout.close()
        assert process.wait(TIMEOUT) == 128 + signal.SIGPIPE
