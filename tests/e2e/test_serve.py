#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""dynmon-serve: what scrapers and clients of the API see of monitors that count real packets."""
import base64
import contextlib
import fcntl
import hashlib
import http.client
import json
import os
import pathlib
import socket
import ssl
import subprocess
import sys
import threading
import time
import urllib.parse
import urllib.request

import frames
import harness
import served
import wire
from served import Server

try:
    import jsonschema
    from prometheus_client import parser as classic_parser
    from prometheus_client.openmetrics.parser import text_string_to_metric_families
except ImportError as lack:
    sys.exit(f"{sys.argv[0]}: {lack}: apt-get install python3-prometheus-client python3-jsonschema")

OPENMETRICS = {"Accept": "application/openmetrics-text;version=1.0.0"}


def udp(dport=2):
    return frames.ipv4(frames.udp(1, dport, b"z" * 72), frames.UDP)


@contextlib.contextmanager
def locked(monitor):
    """Holds the lock of a monitor, as a reader that takes its windows does."""
    folder = os.open(harness.STORE / "monitors" / monitor, os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def samples_of(families):
    found = {}
    for family in families:
        for sample in family.samples:
            found[(sample.name, *sorted(sample.labels.items()))] = sample.value
    return found


class ServeCase(harness.Case):
    def samples(self, server, target="/metrics", **options):
        return samples_of(classic_parser.text_string_to_metric_families(
            server.get(target, **options).text))

    def flow_packets(self, server, monitor="f"):
        return self.samples(server).get(
            ("dynmon_flows_packets_total", ("device", "blue0"), ("direction", "ingress"),
             ("ip_version", "4"), ("monitor", monitor), ("protocol", "UDP")))


class MetricsTest(ServeCase):
    def test_a_scrape_has_what_read_peek_has_of_each_monitor(self):
        self.load("f", "flows")
        self.load("p", "packets")
        self.receive(*[udp()] * 5)
        server = Server(self, tcp=True)
        for tcp in (False, True):
            with self.subTest(tcp=tcp):
                scraped = samples_of(text_string_to_metric_families(
                    server.get("/metrics", headers=OPENMETRICS, tcp=tcp).text))
                for monitor in ("f", "p"):
                    text = self.dynmon("read", monitor, "--format", "openmetrics", "--peek").out
                    shown = samples_of(text_string_to_metric_families(text))
                    for key, value in shown.items():
                        if key[0] not in ("dynmon_window_age_seconds", "dynmon_build_info"):
                            self.assertEqual(scraped.get(key), value, key)
        self.assertEqual(self.flow_packets(server), 5)

    def test_promtool_has_nothing_to_remark(self):
        self.load("f", "flows")
        self.load("g", "flows")
        self.load("p", "packets")
        self.receive(*[udp()] * 3)
        text = Server(self).get("/metrics").text
        self.assertEqual(self.promtool(text, remarks=(0,)), "")

    def test_the_form_follows_accept(self):
        server = Server(self)
        prometheus = ("application/openmetrics-text;version=1.0.0,"
                      "application/openmetrics-text;version=0.0.1;q=0.75,"
                      "text/plain;version=0.0.4;q=0.5,*/*;q=0.1")
        for accept, open_metrics in ((prometheus, True), ("*/*", False), ("text/plain", False),
                                     ("application/openmetrics-text; version=1.0.0", True),
                                     ("application/openmetrics-text;q=0.1, text/plain", False)):
            with self.subTest(accept=accept):
                answer = server.get("/metrics", headers={"Accept": accept})
                self.assertEqual(answer.headers["Content-Type"].startswith(
                    "application/openmetrics-text; version=1.0.0"), open_metrics)
                self.assertEqual(answer.text.endswith("# EOF\n"), open_metrics)

    def test_a_scrape_takes_no_window_and_two_scrapers_see_the_same_sum_as_an_export(self):
        self.load("f", "flows")
        server = Server(self)
        export = self.start("--json", "export", "f", "--profile", "netflow", "--out",
                            self.folder / "out", "--idle", "0", "--interval", "100ms", "--count",
                            "15")
        total = 0
        while export.poll() is None and total < 300:
            self.receive(*[udp()] * 5)
            total += 5
            self.assertEqual([self.flow_packets(server) for _ in range(2)], [total] * 2)
        reports = [json.loads(line) for line in export.communicate(timeout=60)[0].splitlines()]
        left = sum(entry["value"]["packets"] for document in self.read("f")
                   for entry in self.value(document, "flows"))
        self.assertEqual(sum(report["packets"] for report in reports) + left, total)
        self.assertGreater(sum(report["packets"] for report in reports), 0)

    def test_one_monitor_alone(self):
        self.load("f", "flows")
        self.load("counter", "packets")
        server = Server(self)
        monitors = {dict(key[1:]).get("monitor") for key in self.samples(server, "/metrics?monitor=counter")}
        self.assertEqual(monitors, {"counter", None})
        error = server.refused(404, "GET", "/metrics?monitor=countr")
        self.assertEqual((error["field"], error["hint"]), ("monitor", "did you mean 'counter'?"))

    def test_a_monitor_that_cannot_be_read_leaves_the_others(self):
        self.load("f", "flows")
        self.load("p", "packets")
        self.receive(*[frames.plain(60)] * 4)
        pin = harness.STORE / "monitors" / "f" / "state"
        aside = harness.STORE / "monitors" / "f" / "aside"
        pin.rename(aside)
        self.at_end.append(lambda: None)
        try:
            samples = self.samples(Server(self))
        finally:
            aside.rename(pin)
        self.assertEqual(samples[("dynmon_http_monitor_readable", ("monitor", "f"))], 0)
        self.assertEqual(samples[("dynmon_http_monitor_readable", ("monitor", "p"))], 1)
        self.assertEqual(samples[("dynmon_packets_total", ("device", "blue0"),
                                  ("direction", "ingress"), ("monitor", "p"))], 4)

    def test_requests_that_come_while_a_snapshot_is_taken_share_it(self):
        self.load("f", "flows")
        server = Server(self)
        with locked("f"):
            answers = []
            clients = [threading.Thread(target=lambda: answers.append(
                server.get("/metrics").text)) for _ in range(5)]
            for client in clients:
                client.start()
            self.eventually(lambda: self.in_flight(server) >= 5, "all wait for the lock")
        for client in clients:
            client.join()
        self.assertEqual(len(set(answers)), 1)
        samples = self.samples(server)
        self.assertEqual(samples[("dynmon_http_snapshots_shared_total",)], 4)
        self.assertEqual(samples[("dynmon_http_snapshots_total",)], 1)

    @staticmethod
    def in_flight(server):
        """Connections of which the server has read a request: nothing is left in their buffers."""
        text = pathlib.Path("/proc/net/unix").read_text(encoding="utf-8")
        established = [line for line in text.splitlines()
                       if line.endswith(str(server.path)) and line.split()[5] == "03"]
        return len(established)


class PrometheusTest(ServeCase):
    def start_prometheus(self, port):
        binary = harness.tool("prometheus", "prometheus")
        config = self.folder / "prometheus.yml"
        config.write_text(f"""
global: {{scrape_interval: 200ms, scrape_timeout: 200ms}}
scrape_configs:
  - {{job_name: dynmon, static_configs: [{{targets: ["127.0.0.1:{port}"]}}]}}
""", encoding="utf-8")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        process = subprocess.Popen(
            [binary, f"--config.file={config}", f"--storage.tsdb.path={self.folder}/tsdb",
             f"--web.listen-address={address}", "--log.level=error"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=self.folder)
        self.processes.append(process)
        return address

    def query(self, address, text):
        """The value of a query that has one; nothing: it has none yet."""
        with contextlib.suppress(OSError):
            url = f"http://{address}/api/v1/query?query={urllib.parse.quote(text)}"
            with urllib.request.urlopen(url, timeout=5) as answer:
                result = json.load(answer)["data"]["result"]
                return float(result[0]["value"][1]) if result else None
        return None

    def test_a_real_one_and_an_export_both_see_every_packet(self):
        self.load("f", "flows")
        server = Server(self, tcp=True)
        address = self.start_prometheus(server.port)
        counter = 'dynmon_flows_packets_total{direction="ingress",protocol="UDP"}'
        self.receive(udp())
        total = 1
        self.eventually(lambda: self.query(address, counter) == 1, "the first scrape", 30)
        export = self.start("--json", "export", "f", "--profile", "netflow", "--out",
                            self.folder / "out", "--idle", "0", "--interval", "100ms", "--count",
                            "20")
        while export.poll() is None:
            self.receive(*[udp()] * 5)
            total += 5
        self.eventually(lambda: self.query(address, counter) == total, "the last scrape", 10)
        self.assertEqual(self.query(address, f"resets({counter}[5m])"), 0)
        self.assertGreater(self.query(address, "count_over_time(up[5m])"), 4)
        reports = [json.loads(line) for line in export.communicate(timeout=60)[0].splitlines()]
        left = sum(entry["value"]["packets"] for document in self.read("f")
                   for entry in self.value(document, "flows"))
        self.assertEqual(sum(report["packets"] for report in reports) + left, total)


class RequestTest(ServeCase):
    def test_paths_are_decoded_once_and_never_lead_up(self):
        """PROMISES:
        V-3 A path is decoded once"""
        self.load("p", "packets")
        server = Server(self)
        self.assertEqual(server.get("//-///healthy/").text, "healthy\n")
        self.assertEqual(server.get("/api/v1/monitors/%70").json()["name"], "p")
        for target, status in (("/api/v1/../v1/monitors", 400), ("/api/v1/%2e%2e/monitors", 400),
                               ("/api/v1/monitors/p%2fmetrics", 400),
                               ("/api/v1/monitors/%2570", 400), ("/metrics%", 400),
                               ("/metrics%00", 400), ("/metrics?monitor=p&monitor=p", 400),
                               ("/metrics?monitr=p", 400), ("/nothing", 404),
                               ("/api/v1/monitors/q", 404)):
            with self.subTest(target=target):
                server.refused(status, "GET", target)

    def test_a_page_of_another_site_cannot_read_over_its_own_name(self):
        server = Server(self, "--host", "lab.example", tcp=True)
        error = server.refused(421, "GET", "/metrics", headers={"Host": "evil.example:9436"}, tcp=True)
        self.assertEqual(error["field"], "host")
        for host in ("localhost", "127.0.0.1:1", "[::1]", "LAB.example:80"):
            answer = server.get("/-/healthy", headers={"Host": host, "Origin": "http://evil.example"},
                                tcp=True)
            self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
            self.assertIsNone(answer.headers["Access-Control-Allow-Origin"])

    def test_what_clients_make_up_becomes_no_label(self):
        server = Server(self, "--role", "control")
        for number in range(3):
            server.refused(405, f"METHOD{number}", "/metrics")
            server.refused(404, "GET", f"/nothing{number}")
        requests = {key: value for key, value in self.samples(server).items()
                    if key[0] == "dynmon_http_requests_total"}
        self.assertEqual(requests, {
            ("dynmon_http_requests_total", ("code", code), ("handler", "none"), ("method", method)): 3
            for code, method in (("405", "other"), ("404", "GET"))})

    def test_head_has_the_headers_of_get_and_no_body(self):
        self.load("p", "packets")
        server = Server(self)
        answer = server.ask("HEAD", "/metrics")
        self.assertEqual(answer.body, b"")
        self.assertGreater(int(answer.headers["Content-Length"]), 1000)

    def test_the_reading_role_changes_nothing(self):
        """PROMISES:
        V-1 The role `read` answers `GET` and `HEAD`"""
        self.load("f", "flows")
        self.receive(udp())
        server = Server(self)
        for method, target in (("POST", "/api/v1/monitors/f/windows"), ("DELETE", "/api/v1/monitors/f"),
                               ("PUT", "/api/v1/monitors/g")):
            error = server.refused(405, method, target, body={})
            self.assertEqual(error["field"], "method")
        server.refused(403, "GET", "/api/v1/monitors/f/events/flows")
        self.assertEqual(self.status("f")["monitors"][0]["windows"], 0)
        status = pathlib.Path(f"/proc/{server.process.pid}/status").read_text(encoding="utf-8")
        fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
        self.assertEqual(int(fields["CapPrm"], 16), 0)
        self.assertEqual(fields["NoNewPrivs"].strip(), "1")
        if not harness.sanitized():
            self.assertEqual(fields["Seccomp"].strip(), "2")

    def test_what_is_too_long_is_refused(self):
        server = Server(self, "--role", "control")
        server.refused(431, "GET", "/metrics", headers={"X-Long": "x" * 17000})
        server.refused(414, "GET", "/" + "x" * 5000)
        error = server.refused(413, "POST", "/api/v1/monitors/f/windows",
                               headers={"Content-Length": str((1 << 20) + 1)})
        self.assertEqual(error["field"], "content-length")

    def test_a_body_that_could_be_two_requests_is_refused(self):
        server = Server(self, "--role", "control")
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(server.path))
            client.sendall(b"POST /api/v1/monitors/f/windows HTTP/1.1\r\nHost: localhost\r\n"
                           b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n")
            self.assertIn(b" 400 ", client.recv(4096).splitlines()[0])


class LimitsTest(ServeCase):
    def test_an_honest_request_beside_64_slow_clients_is_answered_at_once(self):
        """PROMISES:
        V-5 Slow clients cannot keep others out"""
        server = Server(self, tcp=True)
        server.get("/-/healthy", tcp=True)
        slow = []
        for _ in range(64):
            client = socket.create_connection(("127.0.0.1", server.port), 10)
            client.sendall(b"GET /metrics HTTP/1.1\r\nHost: localh")
            slow.append(client)
        for tcp in (True, False):
            began = time.monotonic()
            server.get("/-/healthy", tcp=tcp)
            self.assertLess(time.monotonic() - began, 0.05 * wire.PATIENCE)
        samples = self.samples(server)
        self.assertGreaterEqual(samples[("dynmon_http_connections_evicted_total",)], 56)
        self.assertLessEqual(samples[("dynmon_http_connections",)], 64)
        for client in slow:
            client.close()

    def test_a_client_that_never_ends_its_header_is_hung_up_on(self):
        server = Server(self)
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(20 * wire.PATIENCE)
            client.connect(str(server.path))
            client.sendall(b"GET /metrics HTTP/1.1\r\n")
            began = time.monotonic()
            self.assertEqual(client.recv(1), b"")
            self.assertLess(time.monotonic() - began, 8 * wire.PATIENCE)
            self.assertGreater(time.monotonic() - began, 3)

    def test_the_reading_of_a_locked_monitor_stops_no_other_answer(self):
        self.load("f", "flows")
        server = Server(self)
        with locked("f"):
            waiting = threading.Thread(target=lambda: server.get("/metrics"))
            waiting.start()
            began = time.monotonic()
            server.get("/-/healthy")
            self.assertLess(time.monotonic() - began, 1 * wire.PATIENCE)
        waiting.join()


class LifeTest(ServeCase):
    def test_an_idle_server_leaves_and_the_next_connection_starts_one_again(self):
        self.load("p", "packets")
        with socket.socket(socket.AF_UNIX) as listener:
            path = self.folder / "activated"
            listener.bind(str(path))
            listener.listen(8)
            for _ in range(2):
                connection = served.UnixConnection(path)
                connection.connect()  # waits in the backlog, as in that of systemd
                process = served.started_with(self, listener, "--idle", "200ms")
                connection.request("GET", "/metrics")
                self.assertIn("dynmon_packets_total", connection.getresponse().read().decode())
                self.assertIsNone(process.poll())
                connection.close()
                self.assertEqual(process.wait(10), 0)

    def test_sigterm_ends_it_and_its_socket(self):
        server = Server(self)
        self.assertEqual(server.stop(), 0)
        self.assertFalse(server.path.exists())

    def test_an_address_that_others_reach_needs_tls(self):
        wire.command("ip", "link", "set", "lo", "up")
        done = subprocess.run([str(served.SERVE), "--listen", "0.0.0.0:0"],
                                      capture_output=True, text=True, timeout=10, check=False)
        self.assertEqual(done.returncode, harness.REJECTED)
        self.assertIn("can be reached from other machines", done.stderr)


class AccessTest(ServeCase):
    """Who may do what. The other user of a unix socket is `nobody`."""

    def access(self, text):
        path = self.folder / "access.yaml"
        path.write_text(text, encoding="utf-8")
        path.chmod(0o600)
        return path

    def token_file(self):
        def digest(token):
            return hashlib.sha256(token.encode()).hexdigest()
        return self.access(f"""
tokens:
  - {{name: scraper, sha256: {digest("scraping")}, rights: [read]}}
  - {{name: loader, sha256: {digest("loading")}, rights: [read, load], monitors: [w]}}
""")

    def as_nobody(self, server, target):
        self.folder.chmod(0o711)
        done = subprocess.run(
            ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", sys.executable, "-c",
             "import socket, sys\n"
             "s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1])\n"
             "s.sendall(f'GET {sys.argv[2]} HTTP/1.0\\r\\n\\r\\n'.encode())\n"
             "print(s.recv(4096).split()[1].decode())", str(server.path), target],
            capture_output=True, text=True, timeout=20, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return int(done.stdout)

    def test_a_token_has_its_rights_and_its_monitors(self):
        self.load("f", "flows")
        server = Server(self, "--role", "control", "--access", self.token_file(), tcp=True)

        def ask(status, token, method="GET", target="/metrics", body=None):
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            return server.ask(method, target, body=body, headers=headers, status=status, tcp=True)

        self.assertEqual(ask(401, None).headers["WWW-Authenticate"], "Bearer")
        ask(401, "guess")
        ask(200, "scraping")
        ask(403, "scraping", "DELETE", "/api/v1/monitors/f")
        ask(403, "loading", "DELETE", "/api/v1/monitors/f")
        ask(403, "loading")  # it would show other monitors
        body = {"probe": "packets", "device": "blue0", "netns": "blue"}
        ask(201, "loading", "PUT", "/api/v1/monitors/w", body)
        ask(200, "loading", target="/metrics?monitor=w")
        ask(204, "loading", "DELETE", "/api/v1/monitors/w")
        ask(200, None, target="/-/healthy")

    def test_a_changed_file_holds_for_the_next_request(self):
        path = self.token_file()
        server = Server(self, "--access", path, tcp=True)
        headers = {"Authorization": "Bearer scraping"}
        server.get("/metrics", headers=headers, tcp=True)
        self.access("tokens: []")
        server.get("/metrics", headers=headers, tcp=True, status=401)
        path.chmod(0o644)
        error = server.refused(503, "GET", "/metrics", headers=headers, tcp=True)
        self.assertIn("can be read by other users", error["what"])

    def test_users_of_the_socket_are_told_apart(self):
        self.load("p", "packets")
        for rights, status in (("users: [{user: nobody, rights: [read]}]", 200),
                               ("users: [{group: nogroup, rights: [read], monitors: [q]}]", 403),
                               ("users: [{user: daemon, rights: [read]}]", 403)):
            with self.subTest(rights=rights):
                server = Server(self, "--socket-mode", "0666", "--access", self.access(rights))
                self.assertEqual(self.as_nobody(server, "/metrics"), status)
                server.get("/metrics")  # root is believed
                server.stop()

    def test_control_over_tcp_wants_to_know_who_it_is(self):
        """PROMISES:
        V-2 It listens on unix sockets"""
        done = subprocess.run([str(served.SERVE), "--role", "control", "--listen", "127.0.0.1:0"],
                              capture_output=True, text=True, timeout=10, check=False)
        self.assertEqual(done.returncode, harness.REJECTED)
        self.assertIn("every user of this machine could load", done.stderr)

    def certificate(self, name, issuer=None, san=None):
        """NAME.crt and NAME.key in the folder of the test."""
        tool = harness.tool("openssl", "openssl")
        files = [self.folder / f"{name}.{kind}" for kind in ("key", "crt")]
        words = [tool, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
                 "-nodes", "-days", "2", "-subj", f"/CN={name}", "-keyout", files[0], "-out", files[1]]
        if san:
            words += ["-addext", f"subjectAltName={san}"]
        if issuer:
            words += ["-CA", self.folder / f"{issuer}.crt", "-CAkey", self.folder / f"{issuer}.key",
                      "-addext", "basicConstraints=CA:FALSE"]
        wire.command(*map(str, words))
        files[0].chmod(0o600)
        return files

    def web_config(self, text):
        path = self.folder / "web.yml"
        path.write_text("tls_server_config:\n  cert_file: server.crt\n  key_file: server.key\n" + text,
                        encoding="utf-8")
        path.chmod(0o644)
        return path

    def fetch(self, server, target="/metrics", client=None, headers=None):
        context = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        if client:
            context.load_cert_chain(self.folder / f"{client}.crt", self.folder / f"{client}.key")
        connection = http.client.HTTPSConnection("localhost", server.port, timeout=20, context=context)
        try:
            connection.request("GET", target, headers=headers or {})
            return served.Answer(connection.getresponse())
        finally:
            connection.close()

    def test_a_web_config_brings_tls_and_passwords(self):
        self.load("p", "packets")
        self.receive(*[frames.plain(60)] * 3)
        self.certificate("ca")
        self.certificate("server", "ca", "DNS:localhost")
        # bcrypt of "secret"
        hashed = "$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a"
        server = Server(self, "--web-config", self.web_config(
            f"basic_auth_users:\n  scraper: {hashed}\n"), tcp=True)

        def basic(user, password):
            return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}

        self.assertEqual(self.fetch(server).status, 401)
        self.assertEqual(self.fetch(server, headers=basic("scraper", "guess")).status, 401)
        self.assertEqual(self.fetch(server, headers=basic("other", "secret")).status, 401)
        for _ in range(2):
            answer = self.fetch(server, headers=basic("scraper", "secret"))
            self.assertEqual(answer.status, 200)
            self.assertIn('dynmon_packets_total{monitor="p",device="blue0",direction="ingress"} 3',
                          answer.text)

    def test_a_client_shows_a_certificate_of_the_right_name(self):
        self.certificate("ca")
        self.certificate("server", "ca", "DNS:localhost")
        self.certificate("good", "ca", "DNS:good.example")
        self.certificate("bad", "ca", "DNS:bad.example")
        self.certificate("stranger")
        server = Server(self, "--web-config", self.web_config(
            "  client_ca_file: ca.crt\n  client_auth_type: RequireAndVerifyClientCert\n"
            "  client_allowed_sans: [good.example]\n  min_version: TLS13\n"), tcp=True)
        self.assertEqual(self.fetch(server, client="good").status, 200)
        for client in (None, "bad", "stranger"):
            with self.subTest(client=client):
                try:
                    self.assertEqual(self.fetch(server, client=client).status, 403)
                except (ssl.SSLError, ConnectionError) as refusal:
                    self.assertTrue(str(refusal))

    def test_a_new_certificate_is_for_the_next_connection(self):
        self.certificate("ca")
        self.certificate("server", "ca", "DNS:localhost")
        server = Server(self, "--web-config", self.web_config(""), tcp=True)
        self.assertEqual(self.fetch(server, "/-/healthy").status, 200)
        self.certificate("server", "ca", "DNS:elsewhere.example")
        with self.assertRaises(ssl.SSLCertVerificationError):
            self.fetch(server, "/-/healthy")
        self.certificate("server", "ca", "DNS:localhost")
        self.assertEqual(self.fetch(server, "/-/healthy").status, 200)


class ApiCase(ServeCase):
    def setUp(self):
        super().setUp()
        self.server = Server(self, "--role", "control")
        self.openapi = self.server.get("/api/v1/openapi.json").json()

    def answer(self, method, target, pattern, status=200, body=None, **options):
        """The document of an answer, which has to be as the OpenAPI document has it."""
        answer = self.server.ask(method, target, body=body, status=status, **options)
        operation = self.openapi["paths"][pattern][method.lower()]
        schema = operation["responses"].get(str(status), operation["responses"]["default"])
        if body is not None:
            self.require(body, operation["requestBody"]["content"]["application/json"]["schema"])
        if "content" in schema:
            self.require(answer.json(), schema["content"]["application/json"]["schema"])
            return answer.json()
        self.assertEqual(answer.body, b"")
        return None

    def require(self, document, schema):
        whole = {**schema, "components": self.openapi["components"]}
        jsonschema.Draft202012Validator(whole).validate(document)


class ApiTest(ApiCase):
    def test_every_answer_is_as_the_openapi_document_says(self):
        self.load("f", "flows")
        self.receive(*[udp()] * 2)
        one = "/api/v1/monitors/{monitor}"
        self.assertEqual([monitor["name"] for monitor in self.answer(
            "GET", "/api/v1/monitors", "/api/v1/monitors")["monitors"]], ["f"])
        self.assertEqual(self.answer("GET", "/api/v1/monitors/f", one)["probe"], "flows")
        document = self.answer("GET", "/api/v1/monitors/f/metrics", f"{one}/metrics")
        self.assertEqual(self.value(document, "flows")[0]["value"]["packets"], 2)
        document = self.answer("GET", "/api/v1/monitors/f/metrics/flows?direction=ingress&top=1",
                               one + "/metrics/{metric}")
        self.assertEqual([metric["name"] for metric in document["ingress-metrics"]], ["flows"])
        names = {probe["name"] for probe in self.answer("GET", "/api/v1/probes",
                                                        "/api/v1/probes")["probes"]}
        self.assertLessEqual({"flows", "packets", "ssdp"}, names)
        self.assertEqual(self.answer("GET", "/api/v1/status", "/api/v1/status"),
                         self.status())
        self.answer("GET", "/api/v1/doctor", "/api/v1/doctor")
        self.answer("GET", "/api/v1/monitors/q", one, status=404)

    def test_the_openapi_document_has_every_schema_that_it_names(self):
        text = json.dumps(self.openapi)
        for part in text.split('"#/components/schemas/')[1:]:
            self.assertIn(part.partition('"')[0], self.openapi["components"]["schemas"])
        self.assertNotIn("$defs/", text)

    def test_conditions_and_columns_shape_a_peek(self):
        self.load("f", "flows")
        self.receive(*[udp(7)] * 2, *[udp(8)] * 3)
        target = "/api/v1/monitors/f/metrics/flows?direction=ingress"
        document = self.server.get(target + "&where=dport%20%3D%3D%208").json()
        self.assertEqual([entry["value"]["packets"] for entry in self.value(document, "flows")], [3])
        text = self.server.get(target + "&format=csv&columns=dport,packets&sort=-packets").text
        self.assertEqual([line.split(",")[-2:] for line in text.splitlines()],
                         [["key.dport", "value.packets"], ["8", "3"], ["7", "2"]])
        self.assertIn("no field", self.server.refused(400, "GET", target + "&where=nope%3D%3D1")["what"])
        self.assertEqual(self.server.refused(404, "GET", "/api/v1/monitors/f/metrics/flws")["hint"],
                         "did you mean 'flows'?")

    def test_the_tag_is_that_of_generation_and_window(self):
        self.load("f", "flows")
        target = "/api/v1/monitors/f/metrics"
        tag = self.server.get(target).headers["ETag"]
        self.assertEqual(tag, '"1.0"')
        unchanged = self.server.ask("GET", target, headers={"If-None-Match": tag}, status=304)
        self.assertEqual((unchanged.body, unchanged.headers["ETag"]), (b"", tag))
        self.window("f")
        self.assertEqual(self.server.get(target, headers={"If-None-Match": tag}).headers["ETag"],
                         '"1.1"')

    def test_a_monitor_is_loaded_replaced_and_unloaded(self):
        one = "/api/v1/monitors/{monitor}"
        body = {"probe": "flows", "device": "blue0", "netns": "blue"}
        loaded = self.answer("PUT", "/api/v1/monitors/w", one, status=201, body=body)
        self.assertEqual((loaded["monitor"], loaded["generation"]), ("w", 1))
        self.receive(*[udp()] * 4)
        replaced = self.answer("PUT", "/api/v1/monitors/w", one,
                               body={"probe": "flows", "keep-maps": "all"},
                               headers={"If-Match": '"1.0"'})
        self.assertEqual(replaced["generation"], 2)
        self.assertTrue(replaced["carried-maps"])
        self.server.refused(412, "PUT", "/api/v1/monitors/w", body=body, headers={"If-Match": '"1.0"'})
        self.server.refused(412, "PUT", "/api/v1/monitors/w", body=body,
                            headers={"If-None-Match": "*"})
        document = self.server.get("/api/v1/monitors/w/metrics/flows?direction=ingress").json()
        self.assertEqual(self.value(document, "flows")[0]["value"]["packets"], 4)
        self.answer("DELETE", "/api/v1/monitors/w", one, status=204)
        self.server.refused(404, "DELETE", "/api/v1/monitors/w")
        self.assertEqual(self.status()["monitors"], [])

    def test_what_is_wrong_in_a_body_is_named(self):
        """PROMISES:
        V-4 A probe that it loads"""
        for body, field in (({"device": "blue0"}, "/probe"), ({"probe": "flows"}, "/device"),
                            ({"probe": "flows", "devise": "x"}, "/devise"),
                            ({"probe": "../flows", "device": "x"}, "/probe"),
                            ({"probe": "/tmp/x.bpf.o", "device": "x"}, "/probe"),
                            ({"probe": "flows", "device": 1}, "/device"),
                            ({"probe": "flows", "hook": "kprobe"}, "/hook"),
                            ({"probe": "flows", "parameters": {"a": []}}, "/parameters/a"),
                            ("[1]", "body"), ("{", "body"), ('{"probe":"a","probe":"b"}', "/probe"),
                            ("[" * 1000, "body")):
            with self.subTest(body=body):
                self.assertEqual(self.server.refused(400, "PUT", "/api/v1/monitors/w",
                                                     body=body)["field"], field)

    def test_windows_come_again_until_their_reader_says_that_it_has_them(self):
        self.load("f", "flows")
        target, pattern = "/api/v1/monitors/f/windows", "/api/v1/monitors/{monitor}/windows"
        self.answer("POST", target, pattern, body={"reader": "r"})  # from now on

        def take(**more):
            windows = self.answer("POST", target, pattern, body={"reader": "r", **more})["windows"]
            return [(window["window"]["sequence"],
                     sum(entry["value"]["packets"] for entry in self.value(window, "flows")))
                    for window in windows]

        self.receive(*[udp()] * 3)
        first = take(after=1)
        self.assertEqual(first, [(2, 3)])
        self.assertEqual(take(after=1, close=False), [(2, 3)])
        self.receive(*[udp()] * 2)
        self.assertEqual(take(after=1), [(2, 3), (3, 2)])
        self.assertEqual(take(after=3, close=False), [])
        self.assertEqual(self.flow_packets(self.server), 5)

    def test_deny_lists(self):
        self.dynmon("load", "edge", "ssdp", "--dev", "blue0", "--netns", "blue")
        target, pattern = ("/api/v1/monitors/edge/lists/deny",
                           "/api/v1/monitors/{monitor}/lists/{list}")
        added = self.answer("POST", target, pattern,
                            body={"prefixes": ["203.0.113.0/24"], "for": "10m", "reason": "test"})
        self.assertEqual(added["added"], ["203.0.113.0/24"])
        entry, = self.answer("GET", target, pattern)["entries"]
        self.assertEqual((entry["prefix"], entry["reason"], entry["source"]),
                         ("203.0.113.0/24", "test", "uid 0"))
        self.server.refused(400, "POST", target, body={"prefixes": ["nonsense"]})
        self.answer("DELETE", target + "?prefix=203.0.113.0%2F24", pattern)
        self.assertEqual(self.answer("GET", target, pattern)["entries"], [])
        self.server.refused(404, "GET", "/api/v1/monitors/edge/lists/other")

    def test_a_second_change_while_one_is_under_way_comes_back_later(self):
        self.load("f", "flows")

        def change():  # until it is not the second one itself
            while self.server.ask("POST", "/api/v1/monitors/f/windows", body={"reader": "r"},
                                  status=None).status == 503:
                pass

        with locked("f"):
            first = threading.Thread(target=change)
            first.start()
            refusal = self.eventually(self.busy, "the first change is under way")
        first.join()
        self.assertEqual(refusal.headers["Retry-After"], "1")

    def busy(self):
        answer = self.server.ask("DELETE", "/api/v1/monitors/none", status=None)
        return answer if answer.status == 503 else None


class EventsTest(ApiCase):
    def read_lines(self, connection, accept):
        connection.request("GET", "/api/v1/monitors/edge/events/EVENTS", headers={"Accept": accept})
        return connection.getresponse()

    def test_events_come_as_lines_or_as_server_sent_events(self):
        self.load("edge", "ssdp")
        for accept, mark in (("*/*", b"{"), ("text/event-stream", b"data: {")):
            with self.subTest(accept=accept):
                connection = self.server.connection()
                response = self.read_lines(connection, accept)
                self.assertEqual(response.status, 200)
                self.receive(*[frames.ipv4(frames.udp(1900, 50000 + i, b"HTTP/1.1 200 OK\r\n" + b"x" * 900),
                                           frames.UDP) for i in range(200)])
                line = response.readline()
                self.assertTrue(line.startswith(mark), line)
                event = json.loads(line[len(mark) - 1:])
                self.require(event, {"$ref": "#/components/schemas/stream-line"})
                connection.close()
        self.eventually(lambda: self.server.get("/-/healthy"), "it goes on")


if __name__ == "__main__":
    harness.main()
