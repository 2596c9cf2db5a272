"""A workload of the Python imaging library: n boots that each import it and work, against one boot and n clones."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import ramet
from ramet.bench.context import Context
from ramet.bench.samples import row
from ramet.errors import HostError
from ramet.image import Image, Spec, Store, build

IMPORTS = "from PIL import Image, ImageChops, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps\n"
# Draws a picture, filters it and makes it small; the sum of its bytes is the answer.
WORK = """
def work(n):
    picture = Image.new("RGB", (256, 256))
    draw = ImageDraw.Draw(picture)
    for i in range(16):
        draw.ellipse((i * 8, n % 64, 255 - i * 8, 200), outline=(i * 16, n % 256, 255 - i * 16))
    picture = ImageOps.autocontrast(ImageEnhance.Sharpness(picture.filter(ImageFilter.GaussianBlur(3))).enhance(2.0))
    return sum(picture.rotate(n % 360).resize((64, 64)).tobytes())
"""
BOOT = IMPORTS + WORK + "import sys\nprint(work(int(sys.argv[1])))\n"
CLONE = "import ramet_guest\n" + IMPORTS + WORK + "print(work(int(ramet_guest.ready().input)))\n"


def rows(context: Context) -> Iterator[tuple[str, Callable[[], dict[str, Any]]]]:
    """The rows of this figure."""
    points: dict[str, list[tuple[float, float]]] = {"n boots": [], "one boot, n clones": []}
    counts = (1, 2, 5, 10, 20, 50)
    for count in counts:
        yield f"pillow.{count}", partial(pillow, context, count, points, count == counts[-1])


def image(context: Context) -> Image:
    """Debian's Python with its imaging library."""
    return build(
        Spec(name="bench-pillow", packages=["python3", "python3-pil"], cmd=["python3"], memory=256 << 20),
        store=Store(context.home()),
    )


def pillow(context: Context, count: int, points: dict[str, list[tuple[float, float]]], last: bool) -> dict[str, Any]:
    """Seconds until so many have answered, one after the other: clones, their template's boot included, and boots."""
    made = image(context)
    clones, boots = [], []
    for _ in range(context.count(3, 1)):
        start = time.perf_counter()
        answers = []
        for n in range(count):
            with ramet.run(made, ["python3", "-c", BOOT, str(n)]) as vm:
                answers.append(vm.communicate(timeout=120).check().stdout)
        boots.append(time.perf_counter() - start)
        start = time.perf_counter()
        same = []
        with ramet.freeze(made, ["python3", "-c", CLONE]) as template:
            for n in range(count):
                with template.clone(input=str(n)) as vm:
                    same.append(vm.communicate(timeout=120).check().stdout)
            clones.append(time.perf_counter() - start)
        if same != answers:
            raise HostError("the clones' pictures are not the booted VMs'")
    for name, samples in (("n boots", boots), ("one boot, n clones", clones)):
        points[name].append((count, sorted(samples)[len(samples) // 2]))
    lines = [{"name": name, "points": list(line)} for name, line in points.items()]
    return row(
        clones,
        "s",
        baseline="so many boots",
        baseline_samples=boots,
        params={"count": count},
        curves=[{"title": "A workload of Pillow", "x": "n", "y": "s", "lines": lines}] if last else [],
    )
