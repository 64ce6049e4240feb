"""`python -m sciformer`, the same program as the console script."""

from __future__ import annotations

import sys

from sciformer.cli.main import main

sys.exit(main())
