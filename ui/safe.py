"""The one door for text that reaches HTML or a script: whatever it holds, it is shown and never run."""

from __future__ import annotations

import html
import json
import re
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
# in JSON a brace stands before one of these only inside a text
_TEMPLATE = re.compile(r"\{(?=[{%#])")


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

    Folium renders what it has rendered once more, so a name that opens a Jinja template would run on the
    server; a brace that could open one is written as an escape. Raises ValueError for NaN or infinity, which no browser would read.
    """
    told = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_SCRIPT)
    return _TEMPLATE.sub(r"\\u007b", told)
