"""The app's settings hold wherever the server is started from, and no page would call home."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
ASK = """
import app
from streamlit import config
for name in ("browser.gatherUsageStats", "client.showErrorDetails", "runner.magicEnabled", "theme.primaryColor"):
    print(config.get_option(name))
print([r.path for r in app.app._user_routes][1])
"""


def test_the_settings_are_read_from_any_folder(tmp_path: Path) -> None:
    answer = subprocess.run(
        [sys.executable, "-c", ASK],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    assert answer[:4] == ["False", "none", "False", "#0067A3"]
    assert answer[4].startswith("/chigai/")
