"""The studio without a browser: pages opened by NiceGUI's simulated user."""

import asyncio
import os
import sys
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
from nicegui.testing.user_simulation import user_simulation

import preheat.studio.server  # noqa: F401 - loaded before what is loaded is written down

APP = Path(__file__).parent.parent / "studio" / "app.py"


@asynccontextmanager
async def user_of(folder):
    """A user of the studio over ``folder``, who asks this machine."""
    os.environ["STUDIO_FOLDER"] = str(folder)
    own = {name: module for name, module in sys.modules.items() if name.partition(".")[0] == "preheat"}
    try:
        async with user_simulation(main_file=APP) as user:
            user.http_client.base_url = httpx.URL("http://127.0.0.1:8321")
            yield user
    finally:
        sys.modules.update(own)  # the simulation forgets every module that has a page, and the packages it lies in


def as_user(folder, visit):
    """Run ``visit(user)``; what it returns."""

    async def whole():
        async with user_of(folder) as user:
            return await visit(user)

    return asyncio.run(whole())


def one(user, marker):
    """The one element with a marker."""
    (element,) = user.find(marker=marker).elements
    return element


async def until(condition, what, seconds=60.0):
    """Wait until ``condition()`` holds."""
    for _ in range(int(seconds / 0.05)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}")
