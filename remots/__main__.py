"""``python -m remots``, the same as ``remots``."""

from remots.cli import main

raise SystemExit(main())
