# SPDX-License-Identifier: BSD-2-Clause
"""C types as a tree: each knows how it is declared and how a C program visits a value of it.

Nothing here knows BTF. visit() names every field by a C expression, so that the compiler of the
oracle decides where it lies.
"""


class Type:
    """One C type. `plain` types have a specifier that const, volatile and typedef go in front of."""

    empty = False  # certainly of no bytes

    def declare(self, name):
        raise NotImplementedError

    def visit(self, expression, depth):
        """Lines of C that show the value at `expression`; `depth` numbers the loop variables."""
        raise NotImplementedError

    def definitions(self, done):
        """C text that must stand before the first use, each once."""
        return []

    def bitfield_widths(self):
        return 0  # the widest bitfield; 0: none can have this type

    def visit_bitfield(self, expression):
        return self.visit(expression, 0)


class Integer(Type):
    def __init__(self, spelling, signed, bits):
        self.spelling, self.signed, self.bits = spelling, signed, bits

    def declare(self, name):
        return f"{self.spelling} {name}"

    def visit(self, expression, depth):
        return [f"show_{'signed' if self.signed else 'unsigned'}({expression});"]

    def bitfield_widths(self):
        return self.bits


class Byte(Integer):
    """char, signed char, unsigned char: arrays of them are shown in ways of their own."""

    def __init__(self, spelling, kind, signed):
        super().__init__(spelling, signed, 8)
        self.kind = kind


class Bool(Type):
    def declare(self, name):
        return f"_Bool {name}"

    def visit(self, expression, depth):  # may hold any byte: reading it as _Bool is not defined
        return [f"show_bool(byte_at((const void*)&{expression}));"]

    def bitfield_widths(self):
        return 1

    def visit_bitfield(self, expression):
        return [f"show_bool({expression});"]


class Real(Type):
    def __init__(self, spelling):
        self.spelling = spelling

    def declare(self, name):
        return f"{self.spelling} {name}"

    def visit(self, expression, depth):
        return [f"show_{self.spelling}((const void*)&{expression});"]


class Pointer(Type):
    def __init__(self, target, form="object"):
        self.target, self.form = target, form

    def declare(self, name):
        if self.form == "function":
            return self.target.declare(f"(*{name})(int, void*)")
        if self.form == "array":
            return self.target.declare(f"(*{name})[3]")
        return f"{self.target} *{name}"

    def visit(self, expression, depth):
        return [f"show_pointer((unsigned long){expression});"]


class Enum(Type):
    def __init__(self, tag, values, packed, wide):
        self.tag, self.values, self.packed, self.wide = tag, values, packed, wide

    def declare(self, name):
        return f"enum {self.tag} {name}"

    def definitions(self, done):
        if self.tag in done:
            return []
        done.add(self.tag)
        values = ", ".join(f"{name} = {spell_value(value, self.wide)}"
                           for name, value in self.values)
        packed = " __attribute__((packed))" if self.packed else ""
        names = ", ".join(f'{{{name}, "{name}"}}' for name, _ in self.values)
        return [f"enum {self.tag} {{ {values} }}{packed};",
                "#ifdef ORACLE",
                f"static const struct enumerator names_{self.tag}[] = {{{names}, {{0, 0}}}};",
                "#endif"]

    def visit(self, expression, depth):
        return [f"show_enum({expression}, names_{self.tag});"]

    def bitfield_widths(self):
        lowest = min(value for _, value in self.values)
        highest = max(value for _, value in self.values)
        if self.packed:
            if lowest >= 0:
                return 8 if highest < 256 else 16 if highest < 65536 else 32
            small = max(highest, -lowest - 1)
            return 8 if small < 128 else 16 if small < 32768 else 32
        return 64 if self.wide else 32


def spell_value(value, wide):
    if value == -2**31:
        return "-2147483647 - 1"
    if value == -2**63:
        return "-9223372036854775807LL - 1"
    if wide:
        return f"{value}{'ULL' if value >= 2**63 else 'LL'}"
    return f"{value}{'u' if value >= 2**31 else ''}"


class Qualified(Type):
    """const and volatile in front of a declaration: of an array they hold for its elements."""

    def __init__(self, words, base):
        self.words, self.base = words, base

    def declare(self, name):
        return f"{self.words} {self.base.declare(name)}"

    def visit(self, expression, depth):
        return self.base.visit(expression, depth)

    def definitions(self, done):
        return self.base.definitions(done)

    def bitfield_widths(self):
        return self.base.bitfield_widths()

    def visit_bitfield(self, expression):
        return self.base.visit_bitfield(expression)

    @property
    def empty(self):
        return self.base.empty


class Alias(Qualified):
    """A typedef."""

    def __init__(self, name, base):
        super().__init__("", base)
        self.name = name

    def declare(self, name):
        return f"{self.name} {name}"

    def definitions(self, done):
        if self.name in done:
            return []
        lines = self.base.definitions(done)
        done.add(self.name)
        return lines + [f"typedef {self.base.declare(self.name)};"]


def bare(type_):
    while isinstance(type_, Qualified):
        type_ = type_.base
    return type_


class Array(Type):
    def __init__(self, element, count, flexible=False):
        self.element, self.count, self.flexible = element, count, flexible

    @property
    def empty(self):
        return self.count == 0 or self.element.empty

    def declare(self, name):
        return self.element.declare(f"{name}[{'' if self.flexible else self.count}]")

    def definitions(self, done):
        return self.element.definitions(done)

    def visit(self, expression, depth):
        element = bare(self.element)
        if isinstance(element, Byte) and self.count > 0:
            return [f"show_{element.kind}_array((const void*)&{expression}, {self.count});"]
        if self.count == 0:
            return ["open_list();", "close_list();"]
        i = f"i{depth}"
        return (["open_list();", f"for (unsigned {i} = 0; {i} < {self.count}; ++{i}) {{",
                 f"next_element({i});"] + element.visit(f"{expression}[{i}]", depth + 1) +
                ["}", "close_list();"])


class Member:
    def __init__(self, type_, name="", width=None, attributes=""):
        self.type, self.name, self.width, self.attributes = type_, name, width, attributes

    def declaration(self):
        declared = self.type.declare(self.name).rstrip()
        width = f" : {self.width}" if self.width is not None else ""
        return f"{declared}{width}{self.attributes};"

    def visit(self, expression, depth):
        if self.width is not None:
            shown = self.type.visit_bitfield(f"{expression}.{self.name}") if self.name else []
        elif not self.name:  # anonymous: its members are ours
            return self.type.visit_members(expression, depth)
        else:
            shown = self.type.visit(f"{expression}.{self.name}", depth)
        return [f'next_member("{self.name}");'] + shown + ["end_member();"] if self.name else []


class Group(Type):
    """A struct or union; without a tag it is written where it is used."""

    def __init__(self, word, tag, members, attributes=""):
        self.word, self.tag, self.members, self.attributes = word, tag, members, attributes

    def body(self):
        return "{ " + " ".join(member.declaration() for member in self.members) + " }"

    def declare(self, name):
        if self.tag:
            return f"{self.word} {self.tag} {name}"
        return f"{self.word} {self.body()}{self.attributes} {name}"

    def definitions(self, done):
        if self.tag and self.tag in done:
            return []
        lines = [line for member in self.members for line in member.type.definitions(done)]
        if self.tag:
            done.add(self.tag)
            lines.append(f"{self.word} {self.tag} {self.body()}{self.attributes};")
        return lines

    def visit_members(self, expression, depth):
        return [line for member in self.members for line in member.visit(expression, depth)]

    def visit(self, expression, depth):
        return ["open_group();"] + self.visit_members(expression, depth) + ["close_group();"]
