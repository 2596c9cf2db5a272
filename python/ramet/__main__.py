"""``python -m ramet`` is ``ramet``."""

import sys

from ramet.cli import main

sys.exit(main())
