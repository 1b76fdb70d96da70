"""What the site needs beside its pages: roles of docstrings, such as those of functions, become plain names."""

import re
from typing import Any

_ROLE = re.compile(r":(?:func|class|meth|data|mod):(?:`|<code>)~?([\w.]+)(?:`|</code>)")


def on_page_content(html: str, **_: Any) -> str:
    """Return a page with the last part of each name in place of its role."""
    return _ROLE.sub(lambda found: f"<code>{found[1].rsplit('.', 1)[-1]}</code>", html)
