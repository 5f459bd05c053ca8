#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""dynmon-serve --role polycube with the compile helper: documents that were not imported are compiled,
count packets and are kept; what does not compile, and a helper that fails, change nothing."""
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import harness
import wire
from documents import COUNTER, HANDLER, metric, path
from test_polycube import COUNT, CUBE, SESSIONS, PolycubeCase, both, udp

COMPILE = harness.BUILD / "dynmon-compile"
CONFIG = CUBE + "/dataplane-config"


def framed(kind, /, **fields):
    """A message, as import/compile_message.hpp describes it."""
    text = f"dynmon-compile 1 {kind} {len(fields)}\n".encode()
    for name, value in fields.items():
        value = value if isinstance(value, bytes) else value.encode()
        text += f"{name} {len(value)}\n".encode() + value
    return text


def fields_of(message):
    header, _, rest = message.partition(b"\n")
    fields = {}
    for _ in range(int(header.split()[-1])):
        line, _, rest = rest.partition(b"\n")
        name, size = line.decode().split()
        fields[name], rest = rest[:int(size)], rest[int(size):]
    return header.split()[-2].decode(), fields


def compiled(request):
    """What dynmon-compile answers."""
    return subprocess.run([str(COMPILE)], input=request, capture_output=True, timeout=60,
                          check=True).stdout


class Helper:
    """The socket of a helper; `answer` makes bytes of the request, in place of the program."""

    def __init__(self, case, answer=compiled):
        self.path = case.folder / "compile.sock"
        self.answer, self.requests = answer, []
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen(8)
        case.at_end.append(self.close)
        self.over = threading.Event()
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while not self.over.is_set():
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.converse, args=(client,), daemon=True).start()

    def converse(self, client):
        with client:
            request = b""
            while piece := client.recv(1 << 16):
                request += piece
            self.requests.append(request)
            try:
                client.sendall(self.answer(request))
            except OSError:
                pass  # the server has heard enough

    def close(self):
        self.over.set()
        self.listener.close()
        self.path.unlink(missing_ok=True)


class CompileCase(PolycubeCase):
    def serve(self, *options, **popen):
        return super().serve(options=["--compiler", f"unix:{self.folder}/compile.sock",
                                      "--imported", self.folder / "imported", *options], **popen)

    def kept(self):
        folder = self.folder / "imported"
        return sorted(path.name for path in folder.iterdir()) if folder.exists() else []

    def running(self):
        """A server on whose blue0 the imported COUNT has counted two packets."""
        server = self.attached(COUNT)
        self.receive(*[udp()] * 2)
        return server

    def goes_on(self, server, packets=3):
        """What ran before counts on in its maps, and is what the cube shows."""
        self.receive(udp())
        metrics = server.get(CUBE + "/metrics").json()["ingress-metrics"]
        self.assertEqual([(item["name"], item["value"]) for item in metrics],
                         [("packets total", [packets])])
        self.assertEqual(server.get(CONFIG + "/ingress-path/code").json(), COUNTER)


class CompiledTest(CompileCase):
    def test_an_unknown_document_is_compiled_and_counts(self):
        helper = Helper(self)
        server = self.serve()
        server.ask("POST", CUBE, {"dataplane-config": COUNT, "type": "TC", "loglevel": "OFF"}, status=201)
        server.ask("POST", "/polycube/v1/attach", {"cube": "c", "port": "blue0", "position": "last"})
        self.receive(*[udp()] * 3)
        self.assertEqual(server.get(CUBE + "/metrics").json()["ingress-metrics"][0]["value"], [3])
        server.ask("PUT", CONFIG, SESSIONS, status=201)
        self.receive(*[udp()] * 2)
        value = server.get(CUBE + "/metrics").json()["ingress-metrics"][0]["value"]
        self.assertEqual([entry["value"] for entry in value], [2])
        self.assertEqual(len(helper.requests), 2)
        self.assertEqual(len(self.kept()), 2)
        for digest in self.kept():
            folder = self.folder / "imported" / digest
            self.assertEqual(sorted(path.name for path in folder.iterdir()),
                             ["README.md", "document.bpf.o", "document.json", "ingress.bpf.c",
                              "probe.yaml"])
            self.dynmon("check", "--kernel", folder)

    def test_a_document_is_compiled_once(self):
        helper = Helper(self)
        server = self.running()
        self.assertEqual(helper.requests, [])  # it was imported
        for _ in range(3):
            server.ask("PUT", CONFIG, SESSIONS, status=201)
            server.ask("PUT", CONFIG, COUNT, status=201)
        self.assertEqual(len(helper.requests), 1)
        helper.close()
        server.stop()
        server = self.serve()  # another process, which has no helper now
        server.ask("PUT", CONFIG, SESSIONS, status=201)

    def test_it_is_compiled_for_xdp_and_for_both_directions(self):
        Helper(self)
        server = self.serve()
        two = both(path(COUNTER, metric("in", "C")), path(COUNTER.replace("BPF_ARRAY(C,", "BPF_ARRAY(E,").replace("C.lookup", "E.lookup"),
                              metric("out", "E")))
        server.ask("POST", CUBE, {"dataplane-config": COUNT, "type": "XDP_SKB"}, status=201)
        server.ask("POST", "/polycube/v1/attach", {"cube": "c", "port": "blue0"})
        self.receive(udp())
        self.assertEqual(server.get(CUBE + "/metrics").json()["ingress-metrics"][0]["value"], [1])
        server.ask("PUT", CONFIG, two, status=201)
        self.receive(udp())
        shown = server.get(CUBE + "/metrics").json()
        self.assertEqual(shown["ingress-metrics"][0]["value"], [1])
        self.assertEqual(shown["egress-metrics"][0]["name"], "out")

    def test_one_path_that_is_put_alone_is_compiled_with_the_other(self):
        helper = Helper(self)
        server = self.running()
        egress = path(COUNTER, metric("out", "C"))
        server.ask("PUT", CONFIG + "/egress-path", egress, status=201)
        self.assertEqual(len(helper.requests), 1)
        self.receive(*[udp()] * 2)
        self.transmit(*[udp()] * 3)
        shown = server.get(CUBE + "/metrics").json()
        self.assertEqual([[entry["value"] for entry in shown[f"{way}-metrics"]]
                          for way in ("ingress", "egress")], [[[2]], [[3]]])

    def test_a_kept_probe_that_is_damaged_is_compiled_again(self):
        helper = Helper(self)
        server = self.running()
        server.ask("PUT", CONFIG, SESSIONS, status=201)
        server.ask("PUT", CONFIG, COUNT, status=201)
        (digest,) = self.kept()
        (self.folder / "imported" / digest / "probe.yaml").write_text("name: [")
        server.ask("PUT", CONFIG, SESSIONS, status=201)
        self.assertEqual(len(helper.requests), 2)

    def test_others_are_answered_while_it_compiles(self):
        """PROMISES:
        V-10 A compile helper that hangs holds up neither other requests nor the monitors"""
        let_go = threading.Event()
        self.at_end.append(let_go.set)
        helper = Helper(self, lambda request: let_go.wait(60 * wire.PATIENCE) and compiled(request))
        server = self.running()
        slow = server.connection()
        slow.request("PUT", CONFIG, json.dumps(SESSIONS))
        self.eventually(lambda: helper.requests, "the helper is asked")
        self.assertEqual(server.get(CUBE + "/metrics").json()["ingress-metrics"][0]["value"], [2])
        server.ask("PUT", CONFIG, COUNT, status=201)  # it is known
        let_go.set()
        self.assertEqual(slow.getresponse().status, 201)
        slow.close()


class FaultTest(CompileCase):
    def refuses(self, server, document, *says, status=400):
        error = server.ask("PUT", CONFIG, document, status=status)
        for text in says:
            self.assertIn(text, error.text)
        return error.text

    def test_a_fault_of_the_code_has_its_place_and_the_running_one_goes_on(self):
        Helper(self)
        server = self.running()
        code = COUNTER.replace("*counter += 1;", "*counter += none;")
        document = json.dumps(both(path(code, metric("packets total", "C"))), indent=1)
        before = document[:document.index("none;")]
        place = f"document:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}: "
        within = code[:code.index("none;")]
        self.refuses(server, document, place, f"line {within.count(chr(10)) + 1}, column "
                     f"{len(within) - within.rfind(chr(10))} of its code",
                     "use of undeclared identifier 'none'")
        self.assertEqual(self.kept(), [])
        self.goes_on(server)

    def test_what_the_verifier_refuses_is_400_with_its_place(self):
        Helper(self)
        server = self.running()
        code = COUNTER.replace("    unsigned int key = 0;", "    unsigned int key = 0;\n"
                               "    void *data = (void *)(long)ctx->data;\n"
                               "    key = *(unsigned int *)(data + 4);")
        document = json.dumps(both(path(code, metric("packets total", "C"))))
        column = document.index("    key = *(unsigned int *)") + 1
        self.refuses(server, document, f"document:1:{column}: ingress-path, line 6 of its code: "
                     "verifier rejected 'dynmon_ingress': invalid access to packet")
        self.goes_on(server)

    def test_code_that_reaches_for_files_or_assembly_is_refused(self):
        """PROMISES:
        V-9 The compile helper gets a document, and gives a probe that may only look"""
        Helper(self)
        server = self.running()
        handler = HANDLER + "    return RX_OK;\n}\n"
        for bad, says in (('#include "/etc/passwd"\n' + handler, "#include"),
                          ('#include "../../etc/passwd"\n' + handler, "#include"),
                          (handler.replace("return", 'asm volatile("r0 = 1"); return'), "inline assembly"),
                          (handler.replace("RX_OK", "RX_DROP"), "RX_DROP")):
            with self.subTest(says):
                text = self.refuses(server, both(path(bad)), says, "document:1:")
                self.assertNotIn("root", text)
        self.assertEqual(self.kept(), [])
        self.goes_on(server)

    def test_without_a_helper_it_is_422(self):
        server = self.running()
        self.refuses(server, SESSIONS, "dynmon-load import", "dynmon-compile(1)", status=422)
        self.goes_on(server)
        server.stop()
        server = PolycubeCase.serve(self)
        self.refuses(server, SESSIONS, "dynmon-load import", status=422)

    def test_a_helper_that_fails_changes_nothing(self):
        """PROMISES:
        V-8 What the compile helper answers is believed only as far as it can be checked"""
        _, good = fields_of(compiled(framed("document", document=json.dumps(SESSIONS))))
        self.assertIn("probe.yaml", good)
        _, other = fields_of(compiled(framed("document", document=json.dumps(
            both(path(COUNTER, metric("x", "C")))))))
        drops = good["probe.yaml"] + b"may: [drop]\n"
        answers = {
            "ends without an answer": (503, b""),
            "no message": (502, b"HTTP/1.1 200 OK\r\n\r\n"),
            "cut off": (502, framed("probe", **good)[:-1]),
            "goes on behind its end": (502, framed("probe", **good) + b"x"),
            "neither a probe nor": (502, framed("other")),
            "without a manifest": (502, framed("probe", **{"document.bpf.o": b"x"})),
            "manifest that is none": (502, framed("probe", **{**good, "probe.yaml": b"name: ["})),
            "a name is none": (502, framed("probe", **{**good, "../../x": b"x"})),
            "of no probe": (502, framed("probe", **{**good, "x.sh": b"x"})),
            "may do more than look": (502, framed("probe", **{**good, "probe.yaml": drops})),
            "probe of another document": (502, framed("probe", **other)),
            "sends more than": (502, framed("probe", **good, x=bytes(17 << 20))),
            "\\x1b[2J": (400, framed("error", what="\x1b[2J", kind="usage")),
            "the compile helper: there is no clang": (
                503, framed("error", what="there is no clang", kind="unsupported")),
        }
        helper = Helper(self)
        server = self.running()
        for says, (status, answer) in answers.items():
            with self.subTest(says):
                helper.answer = lambda _, answer=answer: answer
                self.refuses(server, SESSIONS, says, status=status)
                self.assertEqual(self.kept(), [])
        with self.subTest("an object that is none"):
            helper.answer = lambda _: framed("probe", **{**good, "document.bpf.o": b"\x7fELF" + bytes(99)})
            self.refuses(server, SESSIONS, status=400)
            self.assertEqual(self.kept(), [])
        self.goes_on(server)
        helper.answer = compiled
        server.ask("PUT", CONFIG, SESSIONS, status=201)

    def test_a_helper_that_hangs_is_given_up(self):
        let_go = threading.Event()
        self.at_end.append(let_go.set)
        Helper(self, lambda _: let_go.wait(60 * wire.PATIENCE) and b"")
        server = self.running()
        start = time.monotonic()
        connection = server.connection()
        connection.timeout = 60 * wire.PATIENCE
        connection.request("PUT", CONFIG, json.dumps(SESSIONS))
        response = connection.getresponse()
        self.assertEqual(response.status, 504)
        self.assertIn(b"does not answer in time", response.read())
        connection.close()
        self.assertLess(time.monotonic() - start, 30 * wire.PATIENCE)
        self.assertEqual(self.kept(), [])
        self.goes_on(server)

    def test_a_folder_of_others_is_not_believed(self):
        """PROMISES:
        V-7 Compiled probes are kept in a folder to which only the server's user can write"""
        Helper(self)
        (self.folder / "imported").mkdir()
        (self.folder / "imported").chmod(0o777)
        server = self.running()
        self.refuses(server, SESSIONS, "can be written to by others", status=500)
        self.assertEqual(self.kept(), [])
        (self.folder / "imported").chmod(0o755)
        server.ask("PUT", CONFIG, SESSIONS, status=201)
        server.ask("PUT", CONFIG, COUNT, status=201)
        self.receive(*[udp()] * 2)
        (self.folder / "imported").chmod(0o777)
        self.refuses(server, SESSIONS, "can be written to by others", status=500)
        self.goes_on(server)

    def test_a_helper_of_another_user_is_not_asked(self):
        source = ("import socket, sys, time\ns = socket.socket(socket.AF_UNIX)\ns.bind(sys.argv[1])\n"
                  "s.listen()\ntime.sleep(600)")
        self.folder.chmod(0o777)
        other = subprocess.Popen(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups",
                                  sys.executable, "-c", source, str(self.folder / "compile.sock")])
        self.processes.append(other)
        self.eventually((self.folder / "compile.sock").exists, "the other helper listens")
        self.folder.chmod(0o755)
        server = self.running()
        self.refuses(server, SESSIONS, "was made by user 65534", status=503)
        self.goes_on(server)


class ProgramTest(CompileCase):
    """dynmon-compile alone."""

    def ask(self, request, code=0):
        done = subprocess.run([str(COMPILE)], input=request, capture_output=True, timeout=60)
        self.assertEqual(done.returncode, code, done.stderr)
        return fields_of(done.stdout)

    def test_a_request_that_is_none_is_an_error(self):
        for request in (b"", b"GET / HTTP/1.1\r\n", framed("probe", document="{}"), b"x" * (2 << 20),
                        framed("document", document=b"{" + b"\xff" * 99)):
            kind, fields = self.ask(request)
            self.assertEqual((kind, fields["kind"]), ("error", b"usage"))

    def test_systemd_starts_it_for_each_connection(self):
        """As dynmon-compile.socket does, by the program that systemd has for that."""
        place = self.folder / "compile.sock"
        process = subprocess.Popen(["systemd-socket-activate", "--accept", "--inetd", "--listen",
                                    str(place), str(COMPILE)], stdin=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                   env={"PATH": os.environ["PATH"]}, start_new_session=True)
        self.at_end.append(lambda: (os.killpg(process.pid, signal.SIGKILL), process.wait(10)))
        self.eventually(place.exists, "the socket is there")
        server = self.running()
        server.ask("PUT", CONFIG, SESSIONS, status=201)
        self.receive(*[udp()] * 2)
        value = server.get(CUBE + "/metrics").json()["ingress-metrics"][0]["value"]
        self.assertEqual([entry["value"] for entry in value], [2])


if __name__ == "__main__":
    harness.main()
