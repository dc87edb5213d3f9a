"""`python -m benchmarks` in the root of the source tree is `pointlora benchmark`."""

from __future__ import annotations

import sys

from pointlora.cli.main import main

sys.exit(main(["benchmark", *sys.argv[1:]]))
