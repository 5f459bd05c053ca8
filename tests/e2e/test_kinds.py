#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Every kind of map that can be read: emptied where the manifest says so, drained if a queue."""
import frames
import harness


class KindsTest(harness.Case):
    def setUp(self):
        super().setUp()
        self.load("k", "kinds")

    def send(self, *lengths):
        self.receive(*[frames.plain(length) for length in lengths])

    def entries(self, document, name):
        return {entry["key"]: entry["value"] for entry in self.value(document, name)}

    def test_a_hash_that_is_not_emptied_goes_on(self):
        self.send(60, 60, 70)
        self.assertEqual(self.entries(self.window("k"), "hash"), {60: 2, 70: 1})
        self.send(60, 80)
        self.assertEqual(self.entries(self.window("k"), "hash"), {60: 3, 70: 1, 80: 1})

    def test_hashes_are_emptied_lru_and_per_cpu(self):
        for lengths, expected in (((60, 60, 70), {60: 2, 70: 1}), ((60, 80), {60: 1, 80: 1}),
                                  ((), {})):
            self.send(*lengths)
            document = self.window("k")
            for name in ("lru", "cpu_hash", "cpu_lru"):
                self.assertEqual(self.entries(document, name), expected, name)

    def test_arrays_are_zeroed_and_keep_their_elements(self):
        for lengths, expected in (((60, 60, 70), [0, 3, 0, 190]), ((80,), [0, 1, 0, 80]),
                                  ((), [0, 0, 0, 0])):
            self.send(*lengths)
            document = self.window("k")
            self.assertEqual(self.value(document, "array"), expected)
            # merge: none lists the CPUs
            self.assertEqual([sum(cpus) for cpus in self.value(document, "cpu_array")], expected)

    def test_a_queue_is_drained_oldest_first_and_a_stack_newest_first(self):
        for lengths in ((60, 70, 80), (90,), ()):
            self.send(*lengths)
            document = self.window("k")
            self.assertEqual([item["length"] for item in self.value(document, "queue")],
                             list(lengths))
            self.assertEqual([item["length"] for item in self.value(document, "stack")],
                             list(reversed(lengths)))
            self.assertTrue(all(item["marker"] == 0xabcd for item in self.value(document, "queue")))

    def test_a_full_queue_takes_again_after_a_read(self):
        self.send(*range(60, 100))  # 40 into 32 places
        self.assertEqual([item["length"] for item in self.value(self.window("k"), "queue")],
                         list(range(60, 92)))
        self.send(200)
        self.assertEqual([item["length"] for item in self.value(self.window("k"), "queue")], [200])

    def test_a_queue_whose_output_fails_is_whole_for_the_next_read(self):
        self.send(60, 70, 80)
        with open("/dev/full", "w", encoding="ascii") as full:
            self.dynmon("read", "k", "--format", "json", code=harness.FAILED, stdout=full)
        self.send(90)
        document = self.window("k")
        self.assertEqual([item["length"] for item in self.value(document, "queue")],
                         [60, 70, 80, 90])
        self.assertEqual([item["length"] for item in self.value(document, "stack")],
                         [90, 80, 70, 60])

    def test_a_peek_leaves_the_queue_of_a_replaced_probe_alone(self):
        self.send(60, 70)
        self.replace("k", "kinds")
        self.read("k", "--peek")
        lengths = [item["length"] for document in self.read("k")
                   for item in self.value(document, "queue")]
        self.assertEqual(lengths, [60, 70])

    def test_one_metric_is_taken_and_the_others_stay(self):
        self.send(60, 70)
        self.assertEqual(self.entries(self.window("k", "lru"), "lru"), {60: 1, 70: 1})
        self.send(60)
        document = self.window("k")
        self.assertEqual(self.entries(document, "lru"), {60: 1})
        self.assertEqual(self.entries(document, "cpu_hash"), {60: 2, 70: 1})
        self.assertEqual([item["length"] for item in self.value(document, "queue")], [60, 70, 60])


if __name__ == "__main__":
    harness.main()
