# SPDX-License-Identifier: BSD-2-Clause
"""dynmon-serve as tests run it, and a client that can use a unix socket."""
import http.client
import json
import os
import pathlib
import signal
import socket
import subprocess
import sys

import harness
import wire

SERVE = pathlib.Path(os.environ.get("DYNMON_SERVE", harness.BUILD / "dynmon-serve"))  # or a sanitized one


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path, timeout=10):
        super().__init__("localhost", timeout=timeout * wire.PATIENCE)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Answer:
    def __init__(self, response):
        self.status, self.headers, self.body = response.status, response.headers, response.read()

    @property
    def text(self):
        return self.body.decode()

    def json(self):
        return json.loads(self.body)


class Server:
    """A server on a unix socket `path`, and on a port of 127.0.0.1 where one was asked for."""

    def __init__(self, case, *options, tcp=False, listen=True, **popen):
        self.case = case
        self.number = len(case.processes)
        self.path = case.folder / f"socket{self.number}"
        self.log = case.folder / f"serve{self.number}.log"
        where = ["--listen", f"unix:{self.path}"] if listen else []
        if tcp:
            wire.command("ip", "link", "set", "lo", "up")
            where += ["--listen", "127.0.0.1:0"]
        with open(self.log, "w", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [str(SERVE), "-v", *where, *map(str, options)], stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL, stderr=log, cwd=case.folder,
                env=harness.environment(**popen.pop("environment", {})), **popen)
        case.processes.append(self.process)
        if listen:
            case.eventually(lambda: f"listens on unix:{self.path}\n" in self.errors() or
                            self.process.poll() is not None, "the server listens")
        if tcp:
            self.port = case.eventually(self.found_port, "the server names its port")
        case.assertIsNone(self.process.poll(), self.errors())

    def found_port(self):
        for word in self.errors().split():
            if word.startswith("127.0.0.1:"):
                return int(word.rpartition(":")[2])
        return None

    def errors(self):
        return self.log.read_text(encoding="utf-8")

    def connection(self, tcp=False):
        if tcp:
            return http.client.HTTPConnection("127.0.0.1", self.port, timeout=10 * wire.PATIENCE)
        return UnixConnection(self.path)

    def ask(self, method, target, body=None, headers=None, status=200, tcp=False):
        connection = self.connection(tcp)
        try:
            text = json.dumps(body) if isinstance(body, (dict, list)) else body
            connection.request(method, target, text, headers or {})
            answer = Answer(connection.getresponse())
        finally:
            connection.close()
        self.case.note_pins()
        if status is not None:
            self.case.assertEqual(answer.status, status, f"{method} {target}: {answer.text[:2000]}")
        return answer

    def get(self, target, **options):
        return self.ask("GET", target, **options)

    def refused(self, status, method, target, **options):
        """The error, which has to be of the shape that all errors have."""
        answer = self.ask(method, target, status=status, **options)
        error = answer.json()
        self.case.assertEqual(list(error), ["what", "field", "hint"])
        return error

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10 * wire.PATIENCE)


HAND_OVER = """import os, sys
os.dup2(int(sys.argv[1]), 3)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.argv[2], sys.argv[2:])
"""


def started_with(case, listener, *options):
    """A server that gets its listening socket as systemd hands it over."""
    process = subprocess.Popen(
        [sys.executable, "-c", HAND_OVER, str(listener.fileno()), str(SERVE), *map(str, options)],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        cwd=case.folder, env=harness.environment(), pass_fds=[listener.fileno()])
    case.processes.append(process)
    return process
