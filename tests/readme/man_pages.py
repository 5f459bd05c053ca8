#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Holds docs/user against dynmon-load: each verb has a page, each option stands in the page of its verb
and no other does, each link leads somewhere, and man shows each page without a warning."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("DYNMON_BUILD", SOURCE / "build"))
DYNMON = pathlib.Path(os.environ.get("DYNMON_LOAD", BUILD / "dynmon-load"))
USER = SOURCE / "docs" / "user"
PAGES = {path.stem: path.read_text() for path in sorted(USER.glob("*.md"))}
SECTIONS = {"1": ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS"], "5": ["NAME"], "7": ["NAME"]}
# Options of other programs that the manual names.
OTHERS = {"--build", "--install", "--target", "--now", "--create", "--reuid", "--regid", "--clear-groups", "--unix-socket", "--component",
          "--accept", "--inetd", "--listen"}
OPTION = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
FENCE = re.compile(r"^```.*?^```$", re.S | re.M)


PROGRAMS = ("serve", "compile")  # besides dynmon-load


def help_of(*words):
    return subprocess.run([str(DYNMON), *words, "--help"], check=True, capture_output=True, text=True).stdout


def verbs():
    listed = help_of().split("Subcommands:\n")[1].split("\n\n")[0]
    return re.findall(r"^  (\w+)", listed, re.M)


def options_of(*words):
    """Options that --help lists, also of the actions of a verb; what it says of them is further to the
    right."""
    text = help_of(*words).split("Example:")[0]
    actions = re.findall(r"^  (\w+)", text.split("Subcommands:\n")[1], re.M) if words and "Subcommands:" in text else []
    found = re.findall(r"^ {2,6}(?:-\w,)?(--[a-z0-9-]+)", text, re.M)
    return set(found).union(*(options_of(*words, action) for action in actions))


def options_of_program(name):
    text = subprocess.run([str(BUILD / f"dynmon-{name}"), "--help"], check=True, capture_output=True, text=True).stdout
    return set(re.findall(r"^ {2,6}(?:-\w,)?(--[a-z0-9-]+)", text.split("Example:")[0], re.M))


def page_of(verb):
    """Name of the page whose NAME section names the verb."""
    found = [name for name, text in PAGES.items() if f"dynmon-load-{verb}" in names_of(text)]
    if len(found) != 1:
        raise AssertionError(f"pages of `{verb}`: {found}")
    return found[0]


def names_of(text):
    line = re.search(r"^## NAME\n\n(.*?) - ", text, re.M)
    return [name.strip() for name in line[1].split(",")] if line else []


def described(text):
    """Options that a page describes, each a term of a definition list."""
    terms = re.findall(r"^(`-.*)\n: ", text, re.M)
    return set(OPTION.findall(" ".join(terms)))


def anchors(text):
    heads = re.findall(r"^#+ (.*)$", FENCE.sub("", text), re.M)
    return {re.sub(r"[^\w -]", "", head.lower()).replace(" ", "-") for head in heads}


class ManPages(unittest.TestCase):
    def test_each_verb_has_one_page(self):
        for verb in verbs():
            self.assertTrue(page_of(verb).endswith(".1"), verb)

    def test_no_page_is_of_a_verb_that_is_not_there(self):
        known = {f"dynmon-load-{verb}" for verb in verbs()}
        named = {name for text in PAGES.values() for name in names_of(text) if name.startswith("dynmon-load-")}
        self.assertEqual(named, known)

    def test_a_page_describes_the_options_of_its_verb_and_no_others(self):
        options = {}
        for verb in verbs():
            options.setdefault(page_of(verb), set()).update(options_of(verb))
        options["dynmon-load.1"] = options_of()
        options |= {f"dynmon-{name}.1": options_of_program(name) for name in PROGRAMS}
        for page, known in options.items():
            with self.subTest(page):
                self.assertEqual(described(PAGES[page]), known)

    def test_an_option_that_the_manual_names_is_one(self):
        known = options_of() | OTHERS | set().union(*map(options_of_program, PROGRAMS)) | {option for verb in verbs() for option in options_of(verb)}
        for page, text in PAGES.items():
            with self.subTest(page):
                self.assertEqual(set(OPTION.findall(text)) - known, set())

    def test_a_command_that_the_manual_shows_has_the_options_of_its_verb(self):
        known = {verb: options_of(verb) | options_of() for verb in verbs()}
        for page, text in PAGES.items():
            for verb, rest in re.findall(r"dynmon-load (\w+)( [^\n`|#]*)?", text):
                if verb in known:
                    with self.subTest(f"{page}: {verb}{rest}"):
                        self.assertEqual(set(OPTION.findall(rest)) - known[verb], set())

    def test_a_page_has_its_title_and_sections(self):
        for page, text in PAGES.items():
            name, section = page.rsplit(".", 1)
            with self.subTest(page):
                self.assertTrue(text.startswith(f"# {name}({section})\n\n## NAME\n\n{name}"), text[:60])
                heads = re.findall(r"^## (.*)$", text, re.M)
                self.assertEqual([head for head in heads if head in SECTIONS[section]], SECTIONS[section])
                self.assertEqual(heads[-1], "SEE ALSO")

    def test_links_lead_somewhere(self):
        folders = [path for path in SOURCE.iterdir() if path.is_dir() and not re.match(r"\.|build", path.name)]
        for path in [*SOURCE.glob("*.md"), *(found for folder in folders for found in folder.rglob("*.md"))]:
            text = FENCE.sub("", path.read_text())
            for label, target in re.findall(r"\[([^\]\n]+)\]\(([^)\s]+)\)", text):
                with self.subTest(f"{path.relative_to(SOURCE)}: {target}"):
                    if "://" in target:
                        continue
                    file, _, anchor = target.partition("#")
                    to = path.parent / file if file else path
                    self.assertTrue(to.exists(), "no such file")
                    if anchor and to.suffix == ".md":
                        self.assertIn(anchor, anchors(to.read_text()))
                    if page := re.fullmatch(r"(dynmon[a-z-]*)\(([157])\)", label):
                        self.assertIn(page[1], names_of(to.read_text()))
                        self.assertTrue(to.stem.endswith("." + page[2]), label)

    def test_a_page_that_is_named_is_there(self):
        texts = [*USER.glob("*.md"), SOURCE / "README.md", *(SOURCE / "loader").rglob("*.[ch]pp")]
        there = {f"{name}({page[-1]})" for page, text in PAGES.items() for name in names_of(text)}
        for path in texts:
            with self.subTest(path.name):
                named = set(re.findall(r"\bdynmon[a-z-]*\([157]\)", path.read_text()))
                self.assertEqual(named - there, set())

    def test_man_shows_each_page_without_a_warning(self):
        for tool, package in (("lowdown", "lowdown"), ("groff", "groff-base")):
            if not shutil.which(tool):
                if os.environ.get("DYNMON_NEED_TOOLS"):
                    self.fail(f"no {tool}: install the package {package}")
                self.skipTest(f"no {tool}: install the package {package}")
        with tempfile.TemporaryDirectory() as folder:
            for page in PAGES:
                with self.subTest(page):
                    made = pathlib.Path(folder) / page
                    with open(made, "w") as out:
                        subprocess.run([SOURCE / "docs" / "make-man", USER / f"{page}.md", "0.1.0"],
                                       check=True, stdout=out)
                    shown = subprocess.run(["groff", "-man", "-t", "-ww", "-K", "utf8", "-T", "utf8", "-rLL=78n",
                                            made], capture_output=True, text=True)
                    # A terminal has no pages that a table could be too long for.
                    said = re.sub(r"(?m)^warning: page \d+: table text block will not fit on one page\n", "",
                                  shown.stderr)
                    self.assertEqual((shown.returncode, said), (0, ""))
                    text = re.sub(r"\x1b\[[0-9;]*m|.\x08", "", shown.stdout)
                    self.assertIn("NAME\n", text)
                    self.assertNotIn(".md)", text)  # a link that was not taken for one


if __name__ == "__main__":
    result = unittest.main(verbosity=2, exit=False).result
    sys.exit(not result.wasSuccessful() or (77 if result.skipped else 0))
