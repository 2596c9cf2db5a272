"""A C project for `make`: fifty files that look like a program's."""

from __future__ import annotations

from pathlib import Path

__all__ = ["PROJECT", "write_project"]

PROJECT = "/bench/project"
"""Where it is in the image."""

FILES = 50

MODULE = """#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "modules.h"

struct entry_{n} {{ char *key; unsigned long value; struct entry_{n} *next; }};

static struct entry_{n} *table[64];

static unsigned long hash(const char *key) {{
    unsigned long value = {seed}ul;
    while (*key) value = value * 33 ^ (unsigned char)tolower((unsigned char)*key++);
    return value;
}}

static struct entry_{n} *find(const char *key, int make) {{
    struct entry_{n} **at = &table[hash(key) % 64];
    while (*at && strcmp((*at)->key, key)) at = &(*at)->next;
    if (!*at && make) {{
        *at = calloc(1, sizeof **at);
        (*at)->key = strdup(key);
    }}
    return *at;
}}
{functions}
unsigned long module_{n}(unsigned long x) {{
    char text[32];
    snprintf(text, sizeof text, "%lu", x);
    find(text, 1)->value += x;
{calls}
    return x + find(text, 0)->value;
}}
"""

FUNCTION = """
static unsigned long step_{n}_{k}(unsigned long x) {{
    unsigned long total = {seed}ul;
    for (unsigned i = 0; i < {rounds}; i++) {{
        switch ((x >> (i % 48)) & 7) {{
        case 0: total += x * {a}ul; break;
        case 1: total ^= x >> {b}; break;
        case 2: total -= hash("{n}.{k}") % (x | 1); break;
        case 3: total = total << 3 | total >> 61; break;
        default: total += i; break;
        }}
    }}
    return total;
}}
"""

MAKEFILE = """CC = gcc
CFLAGS = -O1 -Wall
OBJECTS = main.o $(patsubst %.c,%.o,$(wildcard module_*.c))

program: $(OBJECTS)
\t$(CC) -o $@ $(OBJECTS)

%.o: %.c modules.h
\t$(CC) $(CFLAGS) -c -o $@ $<
"""


def write_project(directory: Path) -> Path:
    """Writes it."""
    directory.mkdir(parents=True)
    numbers = range(1, FILES)
    for n in numbers:
        functions = "".join(
            FUNCTION.format(n=n, k=k, seed=n * 7 + k, rounds=8 + k, a=2 * k + 3, b=k + 1) for k in range(8)
        )
        calls = "\n".join(f"    x += step_{n}_{k}(x);" for k in range(8))
        (directory / f"module_{n:02}.c").write_text(MODULE.format(n=n, seed=5381 + n, functions=functions, calls=calls))
    declared = "\n".join(f"unsigned long module_{n}(unsigned long x);" for n in numbers)
    (directory / "modules.h").write_text(f"#pragma once\n{declared}\n")
    called = "\n".join(f"    x = module_{n}(x);" for n in numbers)
    (directory / "main.c").write_text(
        f'#include <stdio.h>\n\n#include "modules.h"\n\nint main(void) {{\n    unsigned long x = 1;\n{called}\n'
        '    printf("%lu\\n", x);\n    return 0;\n}\n'
    )
    (directory / "Makefile").write_text(MAKEFILE)
    return directory
