"""``preheat studio`` as a command: where it listens, and what it says when it cannot."""

import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from contextlib import suppress

import pytest

COMMAND = [sys.executable, "-m", "preheat", "studio", "--no-browser"]
# NiceGUI serves nothing where it believes itself under pytest.
ENVIRONMENT = {name: value for name, value in os.environ.items() if "PYTEST" not in name and "NICEGUI" not in name}


def refused(*words, code=None):
    """The one line on standard error of a command that exits 2."""
    command = [*COMMAND, *words] if code is None else [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, env=ENVIRONMENT, timeout=60)
    assert (done.returncode, done.stdout) == (2 if code is None else 1, "")
    return done.stderr.strip()


def test_a_port_in_use_is_named():
    """And the way out."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        assert refused("--port", str(port)) == (
            f"preheat: port must be free; got {port}. Take another with --port, or --port 0 (Address already in use)."
        )


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_a_port_that_is_none(port):
    """Outside of what there is."""
    assert refused("--port", port) == f"preheat: port must be 0 to 65535; got {port}. 0 takes a free one."


def test_a_folder_that_is_not_there():
    """Named before the server starts."""
    assert refused("nowhere") == (
        "preheat: folder must be a folder that is there; got 'nowhere'. Name the one that holds runs."
    )


def test_without_nicegui():
    """One line with the install command."""
    code = "import sys; sys.modules['nicegui'] = None\nfrom preheat.cli.main import run\nrun(['studio'])"
    assert refused(code=code) == "preheat: nicegui is not installed: pip install 'preheat[studio]'"


def test_it_listens_on_this_machine_alone_and_ends_on_ctrl_c(tmp_path):
    """The page is there at 127.0.0.1, nowhere else; an interrupt ends it; nothing is left in its folder."""
    with subprocess.Popen(
        [*COMMAND, "--port", "0", str(tmp_path)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env=ENVIRONMENT, cwd=tmp_path,
    ) as process:  # fmt: skip
        port = int(re.search(r"http://127\.0\.0\.1:(\d+)/", process.stdout.readline())[1])
        page = b""
        for _ in range(300):
            with suppress(OSError):
                page = urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=10).read()
                break
            assert process.poll() is None, process.stdout.read()
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.1)
        assert b"preheat studio" in page
        own = socket.gethostbyname(socket.gethostname())
        if not own.startswith("127."):
            with pytest.raises(OSError, match="refused"):
                socket.create_connection((own, port), timeout=5)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) in (0, 130)
        assert "Traceback" not in process.stdout.read()
    assert list(tmp_path.iterdir()) == []
