# SPDX-License-Identifier: BSD-2-Clause
"""IPFIX as RFC 7011 describes it, for collectors of tests: written from the RFC alone, it shares
nothing with the exporter."""
import ipaddress
import select
import socket
import struct
import threading

VERSION, TEMPLATE_SET, OPTIONS_TEMPLATE_SET = 10, 2, 3
# The registry of IANA, as far as tests look at it: name and how to show the bytes.
NUMBER = int.from_bytes
ELEMENTS = {1: "octetDeltaCount", 2: "packetDeltaCount", 3: "deltaFlowCount",
            4: "protocolIdentifier", 5: "ipClassOfService", 6: "tcpControlBits",
            7: "sourceTransportPort", 8: "sourceIPv4Address", 10: "ingressInterface",
            11: "destinationTransportPort", 12: "destinationIPv4Address", 14: "egressInterface",
            27: "sourceIPv6Address", 28: "destinationIPv6Address", 32: "icmpTypeCodeIPv4",
            58: "vlanId", 61: "flowDirection", 136: "flowEndReason", 139: "icmpTypeCodeIPv6",
            152: "flowStartMilliseconds", 153: "flowEndMilliseconds",
            34: "samplingInterval", 42: "exportedFlowRecordTotalCount", 82: "interfaceName",
            135: "droppedPacketTotalCount", 149: "observationDomainId",
            160: "systemInitTimeMilliseconds", 164: "ignoredPacketTotalCount",
            166: "notSentFlowTotalCount", 304: "selectorAlgorithm", 305: "samplingPacketInterval",
            306: "samplingPacketSpace"}
ADDRESSES = {8, 12, 27, 28}
NAMES = {82}


class Malformed(Exception):
    pass


def require(condition, what):
    if not condition:
        raise Malformed(what)


class Stream:
    """The messages of one transport session: a TCP connection, or the datagrams from one port.
    `midway`: its beginning is not known, so that the sequence number of the first message may be any."""

    def __init__(self, midway=False):
        self.midway = midway
        self.templates = {}  # by observation domain and number
        self.scopes = {}     # of those for options: how many of the fields say what they are about
        self.expected = {}   # sequence number of the next message, by domain
        self.lengths = []    # of messages with flows
        self.templates_in = []  # how many each of them had
        self.records = []
        self.options = []    # records of them, in the order that they came in
        self.flows_before = []  # each of them
        self.options_templates = 0
        self.domains = set()
        self.export_times = []

    def message(self, data):
        require(len(data) >= 16, "no header")
        version, length, self.time, sequence, domain = struct.unpack_from("!HHIII", data)
        require(version == VERSION, f"version {version}")
        require(length == len(data), f"{length} announced, {len(data)} there")
        self.templates_here = 0
        self.domains.add(domain)
        self.export_times.append(self.time)
        expected = self.expected.get(domain, sequence if self.midway else 0)
        require(sequence == expected, f"sequence {sequence}, expected {expected}")
        at, before, options_before = 16, len(self.records), len(self.options)
        while at < length:
            number, size = struct.unpack_from("!HH", data, at)
            require(size > 4 and at + size <= length, f"set of {size} bytes")
            content = data[at + 4:at + size]
            if number == TEMPLATE_SET:
                self.read_templates(domain, content)
            elif number == OPTIONS_TEMPLATE_SET:
                self.read_options_templates(domain, content)
            else:
                require(number >= 256, f"set {number}")
                self.read_records(domain, number, content)
            at += size
        told = len(self.options) - options_before
        if told == 0:
            self.lengths.append(length)
            self.templates_in.append(self.templates_here)
        self.expected[domain] = (sequence + len(self.records) - before + told) & 0xffffffff

    def read_templates(self, domain, data):
        while data:
            number, count = struct.unpack_from("!HH", data)
            require(number >= 256 and count > 0, f"template {number} of {count} fields")
            fields = [struct.unpack_from("!HH", data, 4 + 4 * i) for i in range(count)]
            require(all(element in ELEMENTS for element, _ in fields), f"elements {fields}")
            self.templates[domain, number] = fields
            self.templates_here += 1
            data = data[4 + 4 * count:]

    def read_options_templates(self, domain, data):
        while data:
            number, count, scopes = struct.unpack_from("!HHH", data)
            require(number >= 256 and 0 < scopes < count, f"{number}: {scopes} of {count} are scope")
            fields = [struct.unpack_from("!HH", data, 6 + 4 * i) for i in range(count)]
            require(all(element in ELEMENTS for element, _ in fields), f"elements {fields}")
            self.templates[domain, number] = fields
            self.scopes[domain, number] = scopes
            self.options_templates += 1
            data = data[6 + 4 * count:]

    def read_records(self, domain, number, data):
        require((domain, number) in self.templates, f"no template {number}")
        while data:
            record = {"template": number}
            for element, size in self.templates[domain, number]:
                value, data = data[:size], data[size:]
                require(len(value) == size, "a record is cut off")
                record[ELEMENTS[element]] = (
                    str(ipaddress.ip_address(value)) if element in ADDRESSES
                    else value.rstrip(b"\0").decode() if element in NAMES
                    else NUMBER(value, "big"))
            if (domain, number) in self.scopes:
                self.options.append(record)
                self.flows_before.append(len(self.records))
            else:
                self.records.append(record)


class Collector:
    """Takes what comes on a port of the calling namespace, in a thread of its own."""

    def __init__(self, kind, address="127.0.0.1", port=0, midway=False):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.tcp = kind == "tcp"
        self.socket = socket.socket(family, socket.SOCK_STREAM if self.tcp else socket.SOCK_DGRAM)
        if self.tcp:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind((address, port))
        self.port = self.socket.getsockname()[1]
        self.to = f"{kind}:{f'[{address}]' if ':' in address else address}:{self.port}"
        if self.tcp:
            self.socket.listen(8)
        self.midway = midway
        self.streams = {}  # by address of the peer, in the order of their first message
        self.messages = []
        self.fault = None
        self.on_message = None
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self.run)
        self.thread.start()

    def run(self):
        pending = {}  # connection → bytes that are no whole message yet
        while not self.stopped.is_set():
            ready, _, _ = select.select([self.socket, *pending], [], [], 0.02)
            try:
                for one in ready:
                    self.serve(one, pending)
            except Malformed as fault:
                self.fault = self.fault or fault
        for one in (self.socket, *pending):
            one.close()

    def serve(self, one, pending):
        if one is not self.socket:
            data = one.recv(65536)
            pending[one] += data
            while len(pending[one]) >= 4:
                length = struct.unpack_from("!H", pending[one], 2)[0]
                if len(pending[one]) < length:
                    break
                message, pending[one] = pending[one][:length], pending[one][length:]
                self.take(one.getpeername(), message)
            if not data:
                whole = not pending[one]
                del pending[one]
                one.close()
                require(whole, "the connection ends within a message")
        elif self.tcp:
            connection, _ = self.socket.accept()
            pending[connection] = b""
        else:
            data, peer = self.socket.recvfrom(65536)
            self.take(peer, data)

    def take(self, peer, message):
        self.messages.append(message)
        self.streams.setdefault(peer, Stream(self.midway)).message(message)
        if self.on_message:
            self.on_message(message)

    def records(self):
        return [record for stream in list(self.streams.values()) for record in stream.records]

    def close(self):
        """Ends it; what was no IPFIX is an error of the test."""
        self.stopped.set()
        self.thread.join()
        if self.fault:
            raise AssertionError(f"not as RFC 7011 has it: {self.fault}")
