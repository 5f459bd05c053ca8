# SPDX-License-Identifier: BSD-2-Clause
"""What tests have in common that take the device away from under a monitor, or detach its hook."""
import frames

UDP = frames.ipv4(frames.udp(1, 2), frames.UDP)
HOOKS = ((), ("--tc", "clsact"), ("--hook", "xdp"))


def make_anew(case):
    """blue0 goes, and another one of its name and number comes."""
    index = case.blue.ifindex("blue0")
    case.blue.ip("link", "del", "blue0")
    case.blue.ip("link", "add", "blue0", "index", str(index), "type", "veth", "peer", "name",
                 "red0", "netns", "red")
    case.red.ip("link", "set", "red0", "up")
    case.blue.ip("link", "set", "blue0", "up")
