"""Byte-compiles Python sources reproducibly. Run by `bytecode` with a Python of the image's version; imports no more
than the standard library, and runs on Python 3.8 or later.

Standard input: JSON, a list of [source file, path in the image, output file]. Standard output: JSON, the list of the
output files that were written; sources that do not compile (test data, other versions' syntax) are left out.
"""

import importlib.util
import json
import struct
import sys
import warnings
from typing import Any

FLAG_REF = 0x80
UNCHECKED_HASH = 1


class Canonical:
    """Rewrites a marshal stream so that it depends on the code alone.

    marshal marks every object that has more than one reference when it is written as a possible target of a back
    reference. How many references a string has depends on what else the interpreter has loaded. Only the marks that
    are used are kept, and one-character strings, which may or may not be interned, are written in one way.
    """

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.out: list[
            Any
        ] = []  # bytes, or [index of an object] for a back reference, or (index, type) for a marked object
        self.marks = 0
        self.used: set[int] = set()

    def run(self) -> bytes:
        self.value()
        if self.at != len(self.data):
            raise ValueError("trailing bytes")
        numbers: dict[int, int] = {}
        result = bytearray()
        for item in self.out:
            if isinstance(item, bytes):
                result += item
            elif isinstance(item, list):
                result += b"r" + struct.pack("<I", numbers[item[0]])
            else:
                index, kind = item
                if index in self.used:
                    numbers[index] = len(numbers)
                    kind |= FLAG_REF
                result.append(kind)
        return bytes(result)

    def take(self, count: int) -> bytes:
        chunk = self.data[self.at : self.at + count]
        if len(chunk) != count:
            raise ValueError("cut short")
        self.at += count
        return chunk

    def copy(self, count: int) -> bytes:
        chunk = self.take(count)
        self.out.append(chunk)
        return chunk

    def length(self) -> int:
        return int.from_bytes(self.copy(4), "little", signed=True)

    def values(self, count: int) -> None:
        for _ in range(count):
            self.value()

    def value(self) -> bool:
        byte = self.take(1)[0]
        kind = chr(byte & ~FLAG_REF)
        if kind == "r":
            target = struct.unpack("<I", self.take(4))[0]
            self.used.add(target)
            self.out.append([target])
            return True
        place = len(self.out)
        if byte & FLAG_REF:
            self.out.append((self.marks, ord(kind)))
            self.marks += 1
        else:
            self.out.append(bytes([byte]))
        if kind in "NFTS.0":
            return kind != "0"
        if kind == "i":
            self.copy(4)
        elif kind == "g":
            self.copy(8)
        elif kind == "y":
            self.copy(16)
        elif kind == "l":
            self.copy(2 * abs(self.length()))
        elif kind in "stuaA":
            self.copy(self.length())
        elif kind in "zZ":
            size = self.copy(1)[0]
            text = self.copy(size)
            if size < 2:
                plain = ord("Z") if text.isalnum() or text == b"_" else ord("z")
                head = self.out[place]
                self.out[place] = bytes([plain]) if isinstance(head, bytes) else (head[0], plain)
        elif kind == ")":
            self.values(self.copy(1)[0])
        elif kind in "([<>":
            self.values(self.length())
        elif kind == "{":
            while self.value():
                self.value()
        elif kind == "c":
            self.copy(20)  # argument counts, stack size, flags
            self.values(8)  # code, constants, names, local names and kinds, file, name, qualified name
            self.copy(4)  # first line
            self.values(2)  # line table, exception table
        else:
            raise ValueError("unknown type " + kind)
        return True


def compile_one(source: bytes, path: str) -> bytes:
    import marshal

    code = compile(source, path, "exec", dont_inherit=True, optimize=0)
    data = marshal.dumps(code)
    if sys.version_info >= (3, 11):  # noqa: UP036 -- the image's Python, which may be older than ours
        data = Canonical(data).run()
    head = importlib.util.MAGIC_NUMBER + struct.pack("<I", UNCHECKED_HASH)
    return head + importlib.util.source_hash(source) + data


def main() -> None:
    warnings.simplefilter("ignore")
    sys.setrecursionlimit(10000)
    written = []
    for source, path, output in json.load(sys.stdin):
        try:
            with open(source, "rb") as stream:
                result = compile_one(stream.read(), path)
        except (SyntaxError, ValueError, RecursionError, UnicodeError):
            continue
        with open(output, "wb") as stream:
            stream.write(result)
        written.append(output)
    json.dump(written, sys.stdout)


if __name__ == "__main__":
    main()
