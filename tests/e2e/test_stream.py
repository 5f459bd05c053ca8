#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""`stream`: events as JSON lines, each exactly once, with what was lost."""
import contextlib
import json
import os
import shutil
import signal

import frames
import harness
import kernel
import published
import wire
from harness import BPFFS, STORE

ARRIVAL = {"length": 60, "big": 443, "mark": 7}
CPU = min(os.sched_getaffinity(0))
BYTES = "3c000000" "01bb" "0700"


class StreamTest(harness.Case):
    def stream(self, *words, **options):
        return self.dynmon("stream", *words, **options)

    def lines(self, *words):
        return self.parsed(self.stream(*words).out)

    def parsed(self, text):
        """Lines that follow the published schema."""
        lines = text.splitlines()
        for line in set(lines):
            published.require_one(self, "stream-line", line)
        return [json.loads(line) for line in lines]

    def pin(self, name):
        return STORE / "monitors" / "e" / "g1" / name

    def listening(self, *words, **options):
        """A stream that has opened its map: it waits for events."""
        process = self.start("stream", *words, **options)
        self.eventually(lambda: kernel.waits_for_files(process.pid), "the stream waits for events")
        return process

    def finish(self, process):
        """The lines of a stream that ends by itself, and what it says on stderr."""
        out, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 0, err)
        return self.parsed(out), err

    @contextlib.contextmanager
    def overrun(self, *words):
        """Within, the stream does not read; yields its lines, which are there afterwards: all of
        the `lines.sent` events, or how many of them were lost."""
        class Lines(list):
            sent = 0
            err = ""
            nudge = None  # the kernel tells what perf lost with the next event that finds room
        path = self.folder / "lines"
        with open(path, "w") as out:
            process = self.listening(*words, stdout=out)
        process.send_signal(signal.SIGSTOP)
        lines = Lines()
        yield lines
        process.send_signal(signal.SIGCONT)

        def accounted():
            complete = path.read_text().rpartition("\n")[0].splitlines()
            lines[:] = [json.loads(line) for line in complete]
            if lines.nudge and len(lines) > 1000:
                lines.nudge()
                lines.sent += 1
                lines.nudge = None
            return sum(line.get("lost", 1) for line in lines) == lines.sent

        self.eventually(accounted, "every event has come or is counted as lost", 60)
        process.send_signal(signal.SIGINT)
        lines.err = process.stderr.read()
        self.assertEqual(process.wait(30), 0, lines.err)
        self.parsed(path.read_text())

    def assert_lost(self, lines):
        lost = sum(line["lost"] for line in lines if "lost" in line)
        events = [line for line in lines if "event" in line]
        self.assertGreater(lost, 0)
        self.assertGreater(len(events), 100)
        self.assertIn(f"{len(events)} events, {lost} lost", lines.err)
        return events

    def test_events_of_a_ring_buffer_are_decoded_by_the_type_that_the_probe_declares(self):
        self.load("e", "events")
        self.receive(*[frames.plain(60)] * 3)
        result = self.stream("e/ARRIVALS", "--count", "3")
        self.assertEqual(self.parsed(result.out),
                         [{"event": ARRIVAL}] * 3)
        self.assertIn("3 events, 0 lost", result.err)
        # Each event once.
        self.assertEqual(self.lines("e/ARRIVALS", "--timeout", "0.2s"), [])

    def test_pin_id_and_name_lead_to_the_same_ring(self):
        self.load("e", "events")
        number = kernel.object_id(self.pin("ARRIVALS"))[1]
        for words in ((self.pin("ARRIVALS"),), ("id", number)):
            self.receive(frames.plain(60))
            self.assertEqual(self.lines(*words, "--count", "1"), [{"event": ARRIVAL}])

    def test_count_leaves_what_comes_after(self):
        self.load("e", "events")
        self.receive(*[frames.plain(length) for length in (60, 61, 62)])
        lengths = lambda *words: [line["event"]["length"] for line in self.lines(*words)]
        self.assertEqual(lengths("e/ARRIVALS", "--count", "2"), [60, 61])
        self.assertEqual(lengths("e/ARRIVALS", "--count", "1"), [62])

    def test_raw_and_no_type_and_a_type_by_name(self):
        self.load("e", "events")
        self.receive(*[frames.plain(60)] * 3)
        self.assertEqual(self.lines("e/ARRIVALS", "--raw", "--count", "1"),
                         [{"event": {"length": 60, "big": 47873, "mark": 7}}])
        result = self.stream("e/UNTYPED", "--count", "1")
        self.assertEqual(json.loads(result.out), {"bytes": BYTES, "size": 8})
        self.assertIn("--type STRUCT names it", result.err)
        self.assertEqual(self.lines("e/UNTYPED", "--type", "struct arrival", "--count", "1"),
                         [{"event": ARRIVAL}])
        error = self.refused(harness.USAGE, "stream", "e/UNTYPED", "--type", "arival")
        self.assertEqual(error["hint"], "did you mean 'arrival'?")

    def test_an_event_of_another_size_is_shown_as_bytes(self):
        self.load("e", "events")
        self.receive(frames.plain(99), frames.plain(60))
        result = self.stream("e/ARRIVALS", "--count", "2")
        self.assertEqual(self.parsed(result.out),
                         [{"bytes": "63000000", "size": 4}, {"event": ARRIVAL}])
        self.assertIn("1 events were of another size", result.err)

    def test_details_are_shown_as_dump_shows_them(self):
        self.load("e", "events")
        self.receive(frames.plain(60), frames.plain(1500))
        with self.blue.inside():  # the interfaces are those of the caller
            short, long = [line["event"] for line in self.lines("e/DETAILS", "--count", "2")]
        when = short.pop("when")
        self.assertEqual(short, {"device": "blue0", "kind": "ARRIVAL_SHORT",
                                 "serial": 2**64 - 16 + 60 % 16, "what": ARRIVAL})
        self.assertRegex(when, r"^20[0-9-]{8}T[0-9:]{8}[.][0-9]{9}Z$")
        self.assertEqual((long["kind"], long["what"]["length"]), ("ARRIVAL_LONG", 1500))

    def test_wide_integers_as_text(self):
        self.load("e", "events")
        self.receive(*[frames.plain(60)] * 2)
        for style in ((), ("--raw",)):
            line, = self.lines("e/DETAILS", "--u64", "string", "--count", "1", *style)
            self.assertEqual(line["event"]["serial"], str(2**64 - 16 + 60 % 16))
            self.assertEqual(line["event"]["what"]["length"], 60)

    def test_conditions_and_columns(self):
        self.load("e", "events")
        lengths = (60, 61, 200, 1200, 1500)
        cases = [("what.length > 100", [200, 1200, 1500]),
                 ("value.what.length in (60, 200) && what.big == 443", [60, 200]),
                 ("kind == ARRIVAL_LONG && device == blue0", [1200, 1500]),
                 ("device != blue0", []),
                 (f"serial == {2**64 - 16 + 61 % 16}", [61]),
                 ("when > now-5m && when <= now && what.length == 61", [61]),
                 ("!when || when < now-5m", [])]
        for condition, expected in cases:
            with self.subTest(condition), self.blue.inside():
                self.receive(*map(frames.plain, lengths))
                result = self.stream("e/DETAILS", "--where", condition, "--columns",
                                     "what.length,kind", "--timeout", "200ms")
                events = [json.loads(line)["event"] for line in result.out.splitlines()]
                self.assertEqual(events, [
                    {"what": {"length": length},
                     "kind": "ARRIVAL_LONG" if length > 1000 else "ARRIVAL_SHORT"}
                    for length in expected])
                self.assertIn(f"0 lost, {len(lengths) - len(expected)} filtered out", result.err)

    def test_count_is_of_the_events_that_meet_the_condition(self):
        self.load("e", "events")
        self.receive(*map(frames.plain, (60, 61, 70, 62, 71, 72)))
        result = self.stream("e/ARRIVALS", "--where", "length >= 70", "--count", "2")
        self.assertEqual([json.loads(line)["event"]["length"] for line in result.out.splitlines()],
                         [70, 71])
        self.assertIn("2 events, 0 lost, 3 filtered out", result.err)
        self.assertEqual(self.lines("e/ARRIVALS", "--count", "1", "--columns", "length"),
                         [{"event": {"length": 72}}])

    def test_events_of_another_size_meet_no_condition(self):
        self.load("e", "events")
        self.receive(frames.plain(99), frames.plain(60))
        result = self.stream("e/ARRIVALS", "--where", "length != 0", "--count", "1")
        self.assertEqual(json.loads(result.out), {"event": ARRIVAL})
        self.assertIn("1 events were of another size than their type and are left out", result.err)

    def test_conditions_on_events_of_perf(self):
        self.load("e", "events")
        process = self.listening("e/PERF_ARRIVALS", "--type", "arrival", "--count", "1", "--where",
                                 "length == 61", "--columns", "mark")
        with wire.on_cpu(CPU):
            self.receive(*map(frames.plain, (60, 62, 61)))
        self.assertEqual(self.finish(process)[0], [{"event": {"mark": 7}, "cpu": CPU}])

    def test_a_request_that_does_not_fit_takes_no_event(self):
        self.load("e", "events")
        self.receive(frames.plain(60))
        cases = [(("e/ARRIVALS", "--where", "lenght > 1"), "--where: column 1: no field 'lenght'"),
                 (("e/ARRIVALS", "--where", "key.length > 1"), "no field 'key.length'"),
                 (("e/ARRIVALS", "--where", "big == 70000"), "is not a number from 0 to 65535"),
                 (("e/ARRIVALS", "--where", "length >"), "--where: column 9: expected"),
                 (("e/ARRIVALS", "--where", ""), "no condition"),
                 (("e/ARRIVALS", "--columns", "length,bigg"), "--columns: no field 'bigg'"),
                 (("e/UNTYPED", "--where", "length > 1"),
                  "--where: nothing says of which type the events are"),
                 (("e/UNTYPED", "--columns", "length"),
                  "--columns: nothing says of which type the events are")]
        for words, message in cases:
            with self.subTest(words):
                error = self.refused(harness.USAGE, "stream", *words, "--timeout", "50ms")
                self.assertIn(message, error["message"])
        self.assertEqual(self.lines("e/ARRIVALS", "--count", "1"), [{"event": ARRIVAL}])
        self.assertEqual(len(self.lines("e/UNTYPED", "--count", "1")), 1)

    def test_what_found_no_room_is_counted(self):
        self.load("e", "events")
        with self.overrun("e/ARRIVALS") as lines:
            self.receive(*[frames.plain(60)] * 600)
            lines.sent = 600
        events = self.assert_lost(lines)
        self.assertEqual(events, [{"event": ARRIVAL}] * len(events))

    def test_events_of_a_perf_event_array(self):
        self.load("e", "events")
        process = self.listening("e/PERF_ARRIVALS", "--type", "arrival", "--count", "5")
        with wire.on_cpu(CPU):
            self.receive(*[frames.plain(60)] * 5)
        self.assertEqual(self.finish(process)[0], [{"event": ARRIVAL, "cpu": CPU}] * 5)
        process = self.listening("e/PERF_ARRIVALS", "--count", "1")
        with wire.on_cpu(CPU):
            self.receive(frames.plain(60))
        line, = self.finish(process)[0]
        self.assertEqual((line["bytes"][:16], line["size"], line["cpu"]), (BYTES, 12, CPU))

    def test_events_that_perf_lost_are_counted(self):
        self.load("e", "events")
        with wire.on_cpu(CPU), self.overrun("e/PERF_ARRIVALS", "--type", "arrival") as lines:
            self.receive(*[frames.plain(60)] * 20000)  # more than 64 pages hold
            lines.sent = 20000
            lines.nudge = lambda: self.receive(frames.plain(60))
        events = self.assert_lost(lines)
        self.assertEqual({line["cpu"] for line in lines}, {CPU})
        self.assertEqual(events[0], {"event": ARRIVAL, "cpu": CPU})

    def test_a_ring_lives_on_over_a_replacement(self):
        self.load("e", "events")
        path = self.folder / "lines"
        with open(path, "w") as out:
            process = self.listening("e/ARRIVALS", "--count", "2", stdout=out)
        self.receive(frames.plain(60))
        self.replace("e", "events", "--keep-maps")
        self.receive(frames.plain(60))
        self.assertEqual(process.wait(30), 0)
        self.assertEqual([json.loads(line) for line in path.read_text().splitlines()],
                         [{"event": ARRIVAL}] * 2)

    def test_ctrl_c_and_a_timeout_end_it_well(self):
        self.load("e", "events")
        process = self.listening("e/ARRIVALS")
        self.receive(frames.plain(60))
        self.assertEqual(json.loads(process.stdout.readline()), {"event": ARRIVAL})  # promptly
        process.send_signal(signal.SIGINT)
        lines, err = self.finish(process)
        self.assertEqual(lines, [])
        self.assertIn("1 event, 0 lost", err)
        self.assertEqual(self.lines("e/ARRIVALS", "--timeout", "50ms"), [])

    def test_a_ring_of_somebody_else(self):
        theirs = BPFFS / "theirs"
        wire.command("bpftool", "prog", "loadall", str(harness.probe("zoo") / "zoo.bpf.o"),
                     str(theirs), "pinmaps", str(theirs))
        self.at_end.append(lambda: shutil.rmtree(theirs))
        frame = self.folder / "frame"
        frame.write_bytes(frames.plain(60))
        number = kernel.object_id(theirs / "ZOO_EVENTS")[1]
        zoo = harness.probe("zoo") / "zoo.bpf.o"
        for words in ((theirs / "ZOO_EVENTS",), ("id", number), ("id", number, "--object", zoo)):
            # 4096 bytes hold 170 events of 24.
            wire.command("bpftool", "prog", "run", "pinned", str(theirs / "zoo"), "data_in",
                         str(frame), "repeat", "5")
            self.assertEqual(self.lines(*words, "--count", "5"),
                             [{"event": {"hops": 3, "via": "data"}}] * 5)
        # Without a pin beside it, the counter is found among the maps of the program.
        with self.overrun("id", number) as lines:
            wire.command("bpftool", "prog", "run", "pinned", str(theirs / "zoo"), "data_in",
                         str(frame), "repeat", "1000")
            lines.sent = 1000
        self.assert_lost(lines)

    def test_what_has_no_events_is_refused(self):
        self.load("t", "tally")
        error = self.refused(harness.USAGE, "stream", "t/TALLY")
        self.assertEqual(error["message"], "map 'TALLY' is of type hash, which has no events")
        for words in (("t/TALLY", "--count", "0"), ("t/TALLY", "--timeout", "soon")):
            self.refused(harness.USAGE, "stream", *words)

    def test_the_declaration_is_no_parameter(self):
        error = self.refused(harness.USAGE, "load", "e", "events", "--dev", "blue0", "--netns",
                             "blue", "--set", "dynmon_event_ARRIVALS=1")
        self.assertIn("no parameter 'dynmon_event_ARRIVALS'", error["message"])


if __name__ == "__main__":
    harness.main()
