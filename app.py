"""The app's entry: `streamlit run app.py` and `uvicorn app:app` serve the pages and the map's own routes."""

from __future__ import annotations

import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import streamlit as st
from starlette.middleware import Middleware
from streamlit import config

from geo import plans
from tracking import jobs, prepared
from ui import maps, settings
from ui.guard import Guard
from ui.routes import routes

# the settings lie beside this file, whatever folder the server is started from
config._main_script_path = config._main_script_path or __file__


@asynccontextmanager
async def _started(_: Any) -> AsyncIterator[None]:
    """Before the first page: end the jobs that an earlier run of the server left behind, remove personal files that lay
    long enough, begin the first map."""
    jobs.mark_broken_off(plans.home())
    prepared.clear(plans.home())
    threading.Thread(target=maps.warm, daemon=True).start()
    yield


_how = settings.sign_in()
app = st.App(
    Path(__file__).with_name("ui") / "main.py",
    routes=routes(),
    middleware=[Middleware(Guard)],
    secrets=None if _how is None else _how.secrets(),
    lifespan=_started,
)
