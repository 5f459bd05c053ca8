# SPDX-License-Identifier: BSD-2-Clause
"""Random C types from a seed: the same seed makes the same types."""
import random

from ctypes_model import (Alias, Array, Bool, Byte, Enum, Group, Integer, Member, Pointer, Qualified,
                          Real, bare)

INTEGERS = [("short", True, 16), ("unsigned short", False, 16), ("int", True, 32),
            ("unsigned int", False, 32), ("LONG", True, 64), ("unsigned LONG", False, 64),
            ("long long", True, 64), ("unsigned long long", False, 64)]
WIDE = [("__int128", True, 128), ("unsigned __int128", False, 128)]
BYTES = [("char", "char", True), ("signed char", "signed", True), ("unsigned char", "byte", False)]
MOST_BYTES = 2048  # of one value, roughly


class Generator:
    """`enum64`: the BPF compiler writes enums of 64 bits and the sign of enums into its BTF.

    `kernel`: only what the kernel takes as a map's BTF: reals lie at multiples of their size, so
    that a seed has either reals or packed structs, no bitfield covers 17 bytes, and an enum has 4
    bytes, for beside bitfields the kernel takes each for an int.
    """

    def __init__(self, seed, enum64, kernel=False):
        self.random = random.Random(seed)
        self.enum64 = enum64
        self.reals = not kernel or seed % 2 == 0
        self.packed = not kernel or not self.reals
        self.widest = 120 if kernel else 128
        self.small_enums = 0 if kernel else 20
        # Tools guess the size of a pointer from that of long: half of the
        # files have none.
        self.long = "long" if self.chance(50) else "long long"
        self.names = 0
        self.pool = []  # named types that may be used again

    def chance(self, percent):
        return self.random.randrange(100) < percent

    def fresh(self, prefix):
        self.names += 1
        return f"{prefix}{self.names}"

    def type(self):
        """The type of a value of its own."""
        pick = self.random.randrange(100)
        if pick < 70:
            return self.group(3, tag=self.fresh("S"), outermost=True)
        if pick < 80:
            return self.array(3)
        if pick < 90:
            return self.any(2)
        return Alias(self.fresh("value_t"), self.any(3))

    def any(self, depth):
        """Anything that a named member can have as its type."""
        pick = self.random.randrange(100)
        if self.pool and pick < 12:
            return self.wrapped(self.random.choice(self.pool))
        if depth > 0 and pick < 28:
            return self.wrapped(self.group(depth - 1))
        if depth > 0 and pick < 46:
            return self.wrapped(self.array(depth - 1))
        return self.wrapped(self.scalar())

    def wrapped(self, type_):
        """Under a chain of typedefs and qualifiers."""
        while self.chance(22):
            if self.chance(50):
                type_ = Qualified(self.random.choice(["const", "volatile", "const volatile"]), type_)
            else:
                type_ = Alias(self.fresh("alias"), type_)
                if self.chance(40):
                    self.remember(type_)
        return type_

    def remember(self, type_):
        if size_of(type_) <= 64:
            self.pool.append(type_)

    def scalar(self):
        pick = self.random.randrange(100)
        if pick < 34:
            spelling, signed, bits = self.random.choice(INTEGERS)
            return Integer(spelling.replace("LONG", self.long), signed, bits)
        if pick < 52:
            return Byte(*self.random.choice(BYTES))
        if pick < 60:
            return Bool()
        if pick < 72:
            return self.enum()
        if pick < 78 and self.reals:
            return Real("float")
        if pick < 85 and self.reals:
            return Real("double")
        if pick < 90:
            return Integer(*self.random.choice(WIDE))
        return self.pointer()

    def pointer(self):
        form = self.random.choice(["object", "object", "function", "array"])
        if form == "object":
            return Pointer(self.random.choice(["int", "void", "const char", "struct nowhere",
                                               "void *", f"volatile unsigned {self.long}"]))
        return Pointer(Integer(self.long, True, 64), form)

    def enum(self):
        values = self.enum_values()
        tag = self.fresh("E")
        wide = any(not -2**31 <= value < 2**32 for value in values)
        if any(value < 0 for value in values):  # no int holds these two
            wide = wide or any(value >= 2**31 for value in values)
            values = values if not wide or self.enum64 else [v for v in values if v < 2**31]
            wide = wide and self.enum64
        made = Enum(tag, [(f"{tag}_{i}", value) for i, value in enumerate(values)],
                    self.chance(self.small_enums), wide)
        if self.chance(30):
            self.pool.append(made)
        return made

    def enum_values(self):
        """Few, dense, sparse, negative, twice the same, at the ends of what 32 bits hold."""
        pick = self.random.randrange(100)
        if pick < 35:
            values = list(range(self.random.randrange(1, 9)))
        elif pick < 60:
            values = [self.random.randrange(0, 2**31) for _ in range(self.random.randrange(1, 6))]
        elif pick < 85:  # BTF of older compilers shows the sign by a small negative value only
            values = [-self.random.randrange(1, 200)]
            values += [self.random.randrange(-2**31, 2**31) for _ in range(3)]
        elif pick < 92:
            values = [0, 2**31, 2**32 - 2**20]
        else:
            values = [1, 1, 5, 5, 3]
        if self.enum64 and self.chance(15):
            values.append(self.random.choice([2**40, 2**63 - 1, -2**63]))
        self.random.shuffle(values)
        return values

    def array(self, depth):
        element = self.any(depth)
        count = self.random.choice([1, 2, 2, 3, 3, 4, 5, 7, 8, 16])
        if isinstance(bare(element), Byte):
            count = self.random.choice([1, 2, 3, 4, 5, 6, 8, 15, 16, 16, 33, 64, 200])
        if self.chance(4):
            count = 0
        while count > 1 and size_of(element) * count > MOST_BYTES // 4:
            count //= 2
        return Array(element, count)

    def group(self, depth, tag=None, outermost=False):
        word = "union" if self.chance(22) else "struct"
        if tag is None and self.chance(45):
            tag = self.fresh("S")
        members = []
        room = MOST_BYTES // (1 if outermost else 8)
        for _ in range(self.random.choice([0, 1, 2, 3, 3, 4, 5, 6, 8, 12])):
            for member in self.members(depth, word):
                room -= size_of(member.type)
                if room >= 0:
                    members.append(member)
        made = Group(word, tag, members, self.group_attributes())
        if outermost and word == "struct" and any(m.name for m in members) and self.chance(6):
            members.append(Member(Array(self.wrapped(self.scalar()), 0, flexible=True),
                                  self.fresh("rest")))
        elif tag and self.chance(30):
            self.remember(made)
        return made

    def group_attributes(self):
        pick = self.random.randrange(100)
        if not self.packed:
            pick = max(pick, 15)
        if pick < 15:
            return " __attribute__((packed))"
        if pick < 22:
            return f" __attribute__((aligned({self.random.choice([2, 4, 8, 16, 32])})))"
        if pick < 26 and self.packed:
            return f" __attribute__((packed, aligned({self.random.choice([2, 4, 8])})))"
        return ""

    def members(self, depth, word):
        """One member, or a run of bitfields that share their bytes."""
        pick = self.random.randrange(100)
        if pick < 24:
            count = self.random.randrange(1, 7) if word == "struct" else 1
            return [self.bitfield(word) for _ in range(count)]
        if pick < 34 and depth > 0:
            inner = self.group(depth - 1)
            if inner.tag is None:
                return [Member(inner)]
            return [Member(inner, self.fresh("m"))]
        attributes = ""
        if self.chance(8):
            attributes = f" __attribute__((aligned({self.random.choice([1, 2, 4, 8, 16, 64])})))"
        elif self.packed and self.chance(4):
            attributes = " __attribute__((packed))"
        return [Member(self.any(depth), self.fresh("m"), None, attributes)]

    def bitfield(self, word):
        while True:
            type_ = self.wrapped(self.scalar())
            widest = min(type_.bitfield_widths(), self.widest)
            if widest:
                break
        if word == "struct" and self.chance(12):  # unnamed: room, or on to the next unit
            return Member(type_, "", self.random.choice([0, self.random.randrange(1, widest + 1)]))
        width = widest if self.chance(10) else self.random.randrange(1, widest + 1)
        return Member(type_, self.fresh("b"), width)


def size_of(type_):
    """Roughly, to keep values small: the compilers know it."""
    type_ = bare(type_)
    if isinstance(type_, Array):
        return size_of(type_.element) * type_.count
    if isinstance(type_, Group):
        sizes = [size_of(member.type) for member in type_.members] or [0]
        return sum(sizes) if type_.word == "struct" else max(sizes)
    return 16 if getattr(type_, "bits", 64) > 64 else 8
