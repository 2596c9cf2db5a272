#!/usr/bin/env python3
"""Build the guest programs: `build.py OUT [-k REGEX] [--native]`. See guest_build.py."""

from guest_build import main

if __name__ == "__main__":
    raise SystemExit(main())
