"""How long a test waits for what comes at once, only to end one that hangs."""

from __future__ import annotations

import os

# Seconds. Emulated processors are tens of times slower, and so is a machine that does much else.
LIMIT = 4000 if "SVM_HOST" in os.environ else 240
# How long what cannot be waited for, such as that nothing comes, or that a program has come to its read, is given.
SETTLE = 30.0 if "SVM_HOST" in os.environ else 1.0
