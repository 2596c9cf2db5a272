"""CPU-bound Python: the same interpreter, from the same files, in a VM and as a native process."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from ramet.bench.context import Context
from ramet.bench.samples import row

WORK = {
    "python_loop": """
def work():
    total = 0
    for i in range(400_000):
        total = (total * 31 + i) & 0xffffffff
    return total
""",
    "json": """
import json
document = {"items": [{"id": i, "name": f"item {i}", "tags": ["a", "b", "c"], "price": i * 1.25} for i in range(800)]}
def work():
    return sum(len(json.loads(json.dumps(document))["items"]) for _ in range(5))
""",
    "hashlib": """
import hashlib
data = bytes(range(256)) * 4096
def work():
    return [hashlib.new(name, data).hexdigest() for name in ("sha256", "sha512", "md5", "blake2b")]
""",
    "sqlite": """
import sqlite3
def work():
    database = sqlite3.connect(":memory:")
    database.execute("create table t (id integer primary key, name text, value real)")
    database.executemany("insert into t (name, value) values (?, ?)", ((f"n{i % 97}", i * 0.5) for i in range(6000)))
    database.execute("create index by_name on t (name)")
    return database.execute("select name, sum(value) from t group by name order by 2 desc").fetchall()[0]
""",
}

TIMER = """
import json as _json, sys, time
work()
samples = []
for _ in range(int(sys.argv[1])):
    start = time.perf_counter()
    work()
    samples.append(time.perf_counter() - start)
print(_json.dumps(samples))
"""


def rows(context: Context) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """The rows of this figure."""
    for name in WORK:
        yield f"cpu.{name}", partial(measure, context, name)


def measure(context: Context, name: str) -> dict[str, Any]:
    """By turns, several times over, so that what else the host does hits both."""
    image = context.python()
    native = context.native_python(image)
    arguments = ["-c", WORK[name] + TIMER, str(context.count(15, 5))]
    ours: list[float] = []
    theirs: list[float] = []
    for _ in range(context.count(6, 2)):
        theirs += json.loads(context.native([*native, *arguments]))
        ours += json.loads(context.run(image, ["python3", *arguments]))
    return row(ours, "s", baseline="native", baseline_samples=theirs, ratio_limit=1.02)
