"""The one door for text that reaches HTML or a script: whatever it holds, it is shown and never run."""

from __future__ import annotations

import html
import json
from typing import Any

_MORE = str.maketrans(
    {
        "`": "&#96;",
        "$": "&#36;",
        "{": "&#123;",
        "}": "&#125;",
        "\\": "&#92;",
        "\u2028": "&#8232;",
        "\u2029": "&#8233;",
    }
)
_SCRIPT = str.maketrans(
    {
        "<": "\\u003c",
        ">": "\\u003e",
        "&": "\\u0026",
        "\u2028": "\\u2028",
        "\u2029": "\\u2029",
    }
)


def text(value: object) -> str:
    """`value` as text that is safe in HTML, in an attribute, and inside a JavaScript template literal.

    Folium puts names into template literals, where `${…}` runs even after html.escape; so the characters
    that open one are entities too. Null is the empty text.
    """
    if value is None:
        return ""
    return html.escape(str(value), quote=True).translate(_MORE)


def json_for_script(value: Any) -> str:
    """`value` as JSON that may stand inside <script>: nothing in it can close the element or a line.

    Raises ValueError for NaN or infinity, which no browser would read.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_SCRIPT)
