"""The server of the explorer, and the command."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from asking import picture, request
from test_cli import fails

from vaekit.errors import VaekitError
from vaekit.explore import Server
from vaekit.explore.api import Api


def test_only_this_machine_is_listened_to(server):
    assert server.address.startswith("http://127.0.0.1:")
    other, port = socket.gethostbyname(socket.gethostname()), urlsplit(server.address).port
    if not other.startswith("127."):
        with pytest.raises(OSError):
            socket.create_connection((other, port), timeout=2).close()


@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "PUT"])
@pytest.mark.parametrize("path", ["/", "/page.js", "/runs", "//", "/x/", "/%C3%BC/"])
def test_without_the_token_there_is_nothing(server, method, path):
    answer, content = request(server, path, method)
    assert answer.status == 403 and (b"token" in content or method == "HEAD")


def test_every_answer_forbids_the_outside(server):
    for name in ("", "page.css", "page.js", "panel.js", "controls.js"):
        answer, content = request(server, f"/{server.token}/{name}")
        assert answer.status == 200 and content
        assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'")
        assert b"http://" not in content and b"https://" not in content
    assert request(server, f"/{server.token}/../page.py")[0].status == 404


def test_a_request_that_is_none_is_told_so(server):
    for body in (b"[]", b"{", b"\xff"):
        answer, content = request(server, f"/{server.token}/runs", "POST", body)
        assert answer.status == 200 and "JSON" in json.loads(content)["error"]
    _, content = request(server, f"/{server.token}/add?run=0&name=own.png", "POST", b"none")
    assert "own.png" in json.loads(content)["error"]
    _, content = request(server, f"/{server.token}/add?name=own.png", "POST", picture())
    assert "a run is named" in json.loads(content)["error"]


def test_a_slip_of_ours_does_not_end_the_server(server, monkeypatch, capsys):
    monkeypatch.setattr(Api, "answer", lambda *_: 1 / 0)
    _, content = request(server, f"/{server.token}/runs", "POST", b"{}")
    assert "ZeroDivisionError" in json.loads(content)["error"]
    assert "ZeroDivisionError" in capsys.readouterr().err


def test_ports(sprites, server):
    with pytest.raises(VaekitError, match="in use"):
        Server([sprites], urlsplit(server.address).port)
    for port in (-1, 2**16, "x"):
        with pytest.raises(VaekitError, match="port must be"):
            Server([sprites], port)


def test_a_run_explores_itself(run_of):
    server = run_of("beta_vae").explore()
    assert server.address in server._repr_html_()
    assert request(server, f"/{server.token}/")[0].status == 200
    server.close()
    server.close()
    with pytest.raises(VaekitError, match="has ended"):
        server._api.answer("runs", {})
    with pytest.raises(OSError):
        request(server, f"/{server.token}/")


# ---- the command


def test_the_command_refuses_what_is_no_run(capsys, tmp_path, run_of, server):
    good = str(run_of("beta_vae").folder)
    assert "no run.yaml" in fails(capsys, "explore", str(tmp_path))
    assert "explore" in fails(capsys, "explore")
    port = str(urlsplit(server.address).port)
    assert "in use" in fails(capsys, "explore", good, "--port", port)
    assert "port must be" in fails(capsys, "explore", good, "--port", "70000")
    untrained = tmp_path / "untrained"
    untrained.mkdir()
    (untrained / "run.yaml").write_text((Path(good) / "run.yaml").read_text())
    assert "no weights" in fails(capsys, "explore", good, str(untrained))


def test_ctrl_c_ends_the_command(run_of):
    words = [sys.executable, "-m", "vaekit", "explore", str(run_of("beta_vae").folder)]
    hidden = {k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY")}
    going = subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=hidden
    )
    assert going.stdout
    address = urlsplit(going.stdout.readline().split()[0])
    connection = http.client.HTTPConnection(address.netloc, timeout=60)
    connection.request("GET", address.path)
    assert connection.getresponse().status == 200
    query = json.dumps({"run": 0, "example": {"of": 0, "part": "test", "index": 0}})
    connection.request("POST", f"{address.path}score", query)  # which takes its time
    going.send_signal(signal.SIGINT)
    _, said = going.communicate(timeout=60)
    connection.close()
    assert going.returncode == 130 and said == "vaekit: stopped\n"
