"""A base model plus an adapter is a registered model: finding bases, loading them, keeping what was tuned."""

from __future__ import annotations

import logging

# PEFT imports bitsandbytes where it is installed, which then warns of a kernel that it did not find on a hub: nothing
# that a user could act on.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
