# SPDX-License-Identifier: BSD-2-Clause
"""What dynmon-serve is held against: nginx, which answers a request of the same size from memory; and
a client that costs little beside a server."""
import os
import shutil
import socket
import subprocess

import wire

PACKAGE = "nginx"
# One process without logs, as dynmon-serve is, and a connection that it never ends by itself.
CONFIGURATION = """
daemon off;
master_process off;
pid {folder}/pid;
error_log stderr;
events {{}}
http {{
    access_log off;
    keepalive_requests 100000000;
    default_type text/plain;
    {paths}
    server {{
        listen unix:{folder}/socket;
        location = /-/healthy {{ return 200 "healthy\\n"; }}
    }}
}}
"""


def program():
    """The path of nginx, or None."""
    return shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin")


class Nginx:
    """Listens at `path`. Ends with the case."""

    def __init__(self, case):
        folder = case.folder / "nginx"
        folder.mkdir()
        self.path = folder / "socket"
        # Paths that it makes at its start, whatever it serves.
        paths = "\n    ".join(f"{kind}_temp_path {folder}/{kind};" for kind in (
            "client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        (folder / "conf").write_text(CONFIGURATION.format(folder=folder, paths=paths))
        with open(folder / "log", "w", encoding="utf-8") as log:
            process = subprocess.Popen([program(), "-e", "stderr", "-p", folder, "-c", folder / "conf"],
                                       stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        case.processes.append(process)
        case.eventually(lambda: self.path.exists() or process.poll() is not None, "nginx listens")
        case.assertIsNone(process.poll(), (folder / "log").read_text())


class Client:
    """Small requests on one connection that is kept."""

    def __init__(self, path, target="/-/healthy"):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(10 * wire.PATIENCE)
        self.socket.connect(str(path))
        self.request = f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()

    def ask(self):
        """The body of an answer that says its length."""
        self.socket.sendall(self.request)
        answer = b""
        while b"\r\n\r\n" not in answer:
            answer += self._more()
        head, _, body = answer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
        while len(body) < length:
            body += self._more()
        return body

    def _more(self):
        read = self.socket.recv(65536)
        if not read:
            raise AssertionError("the server ended the connection")
        return read

    def close(self):
        self.socket.close()
