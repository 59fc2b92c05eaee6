"""What can go wrong with one item of a request. The classes of requests are in the package above.

ItemError      the item can never be stored; the others of its request are not touched
"""

from __future__ import annotations

__all__ = ["ItemError"]


class ItemError(Exception):
    """One item that can never be stored; the message goes back to its sender."""
