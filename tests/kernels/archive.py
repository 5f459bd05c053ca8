# SPDX-License-Identifier: BSD-2-Clause
"""Debian's cloud kernels, by apt, from the mirror that this machine uses.

apt runs with lists, cache and sources of its own below the cache folder. What is set on the machine
about proxies, logins and keys stays in force; its packages, lists and sources are not touched, and
signatures are checked as always.
"""
import contextlib
import fcntl
import functools
import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# The small ones first: they have a kernel of every series that is wanted, and their lists are
# quickly fetched. The large ones are asked for what is missing then.
SMALL_SUITES = ["bullseye-security", "bookworm-security", "trixie-security", "trixie-backports"]
LARGE_SUITES = ["bullseye", "bookworm", "trixie", "sid"]
NEWEST = "newest"


class NotToBeHad(Exception):
    """A kernel that is neither in the cache nor in the archive; the text says why."""


class NoSecurityMirror(NotToBeHad):
    """The same on a machine whose apt has no security updates, which most of the kernels are in."""


def run(*words, **options):
    done = subprocess.run(list(map(str, words)), text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, **options)
    if done.returncode != 0:
        raise NotToBeHad(f"{words[0]} failed ({done.returncode}): "
                         f"{(done.stderr.strip() or done.stdout.strip())[-2000:]}")
    return done.stdout


def series_of(version):
    return ".".join(version.split(".")[:2])


class Archive:
    """Kernels of one architecture ("amd64" or "arm64") in `cache`."""

    def __init__(self, cache, arch):
        self.cache, self.arch = pathlib.Path(cache), arch
        self.apt_folder = self.cache / "apt" / arch
        self.known_file = self.cache / f"archive-{arch}.json"

    def kernel(self, series):
        """The folder of a kernel of `series`, such as "6.12" or "newest", fetched when it is not
        there yet: vmlinuz, lib/modules and kernel.json."""
        self.cache.mkdir(parents=True, exist_ok=True)
        with self.locked():
            if series == NEWEST:
                series = self._newest_series()
            folder = self.cache / self.arch / series
            if not (folder / "kernel.json").exists():
                found = self._find(series)
                if found is None:
                    if mirrors()[1] is None:
                        raise NoSecurityMirror(f"{self._why_not(series)}; {add_security_mirror()}")
                    raise NotToBeHad(self._why_not(series))
                self._fetch(found, folder)
            return folder

    @contextlib.contextmanager
    def locked(self):
        with open(self.cache / "lock", "w") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    # What the archive has

    def _newest_series(self):
        if self.known_file.exists():
            known = self._known()
        else:
            self._ask(SMALL_SUITES)
            known = self._known()
        if not known["kernels"]:
            raise NotToBeHad(f"no cloud kernels for {self.arch} in {known['suites']}")
        return max(known["kernels"], key=lambda name: tuple(map(int, name.split("."))))

    def _known(self):
        return json.loads(self.known_file.read_text())

    def _find(self, series):
        """Package and version, from what apt said last or, when that has gone, says now."""
        for suites in (SMALL_SUITES, SMALL_SUITES + LARGE_SUITES):
            if not self.known_file.exists() or not set(suites) <= set(self._known()["suites"]):
                self._ask(suites)
            if series in self._known()["kernels"]:
                return self._known()["kernels"][series]
        return None

    def _why_not(self, series):
        known = self._known()
        suites = ", ".join(known["suites"])
        for suite, why in known["refused"].items():  # the table is kept: it names no host
            suites += f"; not {suite}: " + re.sub(r"\w+://[^/\s]+", "", why.splitlines()[0])
        if series in known["incomplete"]:
            return f"the archive ({suites}) has no {known['incomplete'][series][0]} any more"
        return f"the archive ({suites}) has no cloud kernel {series}"

    def _ask(self, suites):
        there, refused = self._update(suites)
        kernels, incomplete = {}, {}
        for entry in self._images():
            if entry["lacks"]:
                incomplete[entry["series"]] = entry["lacks"]
                continue
            best = kernels.get(entry["series"])
            if best is None or newer(entry["version"], best["version"]):
                kernels[entry["series"]] = entry
        self.known_file.write_text(json.dumps(
            {"suites": there, "refused": refused, "kernels": kernels,
             "incomplete": incomplete}, indent=1))

    def _images(self):
        """Every cloud kernel with the packages that its files are in: from 6.19 on in several."""
        there = {}
        for paragraph in run(*self._apt("apt-cache"), "dumpavail").split("\n\n"):
            fields = dict(re.findall(r"^(Package|Version|Depends): (.*)$", paragraph, re.M))
            if fields.get("Package", "").startswith("linux-"):
                there[fields["Package"]] = fields
        for name, fields in there.items():
            image = re.fullmatch(rf"linux-image-(\d+\.\d+\.\S*-cloud-{self.arch})", name)
            if image:
                release = image.group(1)
                parts = re.findall(rf"\S+-{re.escape(release)}(?=[ ,]|$)", fields["Depends"])
                yield {"series": series_of(release), "release": release,
                       "version": fields["Version"],
                       "packages": [name, *(part for part in parts if part in there)],
                       # linux-base is scripts; the archive drops the parts one by one
                       "lacks": [part for part in parts if part not in there and
                                 not part.startswith("linux-base-")]}

    def _update(self, suites):
        """Each suite by itself: the archive retires them one by one. Returns those that are there,
        and why the others are not."""
        there, refused = [], {}
        for suite in suites:
            try:
                self._write_sources([suite])
                run(*self._apt("apt-get"), "-o", "APT::Get::List-Cleanup=false", "update")
                there.append(suite)
            except NotToBeHad as error:
                refused[suite] = str(error)
        if not there:
            raise NotToBeHad(next(iter(refused.values())))
        self._write_sources(there)
        return there, refused

    def _write_sources(self, suites):
        """Sources on the machine's own mirrors."""
        (self.apt_folder / "sources").mkdir(parents=True, exist_ok=True)
        main, security = mirrors()
        text = ""
        for suite in suites:
            mirror = security if suite.endswith("-security") else main
            if mirror is None:
                raise NoSecurityMirror("this machine has no mirror of security updates")
            text += (f"Types: deb\nURIs: {mirror}\nSuites: {suite}\nComponents: main\n"
                     f"Architectures: {self.arch}\nSigned-By: {KEYRING}\n\n")
        (self.apt_folder / "sources" / "kernels.sources").write_text(text)

    def _apt(self, tool):
        folder = self.apt_folder
        for below in ("state/lists/partial", "cache/archives/partial", "preferences"):
            (folder / below).mkdir(parents=True, exist_ok=True)
        # Given last, so that it can take away what the machine does after an update.
        (folder / "apt.conf").write_text("#clear APT::Update::Post-Invoke;\n"
                                         "#clear APT::Update::Post-Invoke-Success;\n"
                                         "#clear APT::Update::Pre-Invoke;\n")
        options = {"Dir::State": folder / "state", "Dir::State::status": "/dev/null",
                   "Dir::Cache": folder / "cache", "Dir::Etc::sourcelist": "/dev/null",
                   "Dir::Etc::sourceparts": folder / "sources",
                   "Dir::Etc::preferences": "/dev/null",
                   "Dir::Etc::preferencesparts": folder / "preferences",
                   "APT::Architecture": self.arch, "APT::Architectures": self.arch,
                   "APT::Sandbox::User": "root", "Acquire::Languages": "none",
                   "APT::Update::Error-Mode": "any", "Acquire::Retries": "3"}
        return [tool, "-q", "-c", folder / "apt.conf",
                *(word for name, value in options.items() for word in ("-o", f"{name}={value}"))]

    # Getting one

    def download(self, packages, folder):
        """The packages, unpacked into `folder`."""
        with tempfile.TemporaryDirectory(dir=self.cache) as work:
            run(*self._apt("apt-get"), "download", *packages, cwd=work)
            for package in pathlib.Path(work).glob("*.deb"):
                run("dpkg-deb", "-x", package, folder)

    def _fetch(self, found, folder):
        print(f"ci/kernels: fetching {found['packages'][0]} {found['version']}", flush=True)
        shutil.rmtree(folder, ignore_errors=True)
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.cache) as work:
            try:
                self.download(found["packages"], f"{work}/all")
            except NotToBeHad:  # the archive has moved on since it was asked
                self._ask(self._known()["suites"])
                found = self._known()["kernels"][found["series"]]
                self.download(found["packages"], f"{work}/all")
            everything, kernel = pathlib.Path(work, "all"), pathlib.Path(work, "kernel")
            modules = next(path for below in ("lib", "usr/lib")
                           for path in everything.glob(f"{below}/modules/*"))
            shutil.copytree(modules, kernel / "lib/modules" / found["release"])
            image = [*everything.glob("boot/vmlinuz-*"), modules / "vmlinuz"][0]
            shutil.copy(image, kernel / "vmlinuz")
            (kernel / "lib/modules" / found["release"] / "vmlinuz").unlink(missing_ok=True)
            run("depmod", "-b", kernel, found["release"])
            (kernel / "kernel.json").write_text(json.dumps(found, indent=1))
            os.rename(kernel, folder)


def newer(version, other):
    return subprocess.run(["dpkg", "--compare-versions", version, "gt", other]).returncode == 0


def add_security_mirror():
    """What an administrator has to do."""
    with open("/etc/os-release") as file:
        release = dict(line.rstrip("\n").split("=", 1) for line in file if "=" in line)
    name = release.get("VERSION_CODENAME", "bookworm").strip('"')
    return ("add the line `deb http://deb.debian.org/debian-security "
            f"{name}-security main` to /etc/apt/sources.list, then run apt-get update")


@functools.cache
def mirrors():
    """Where this machine has Debian from: (its mirror, its mirror of security updates or None).
    Asked of apt, which knows every form of sources."""
    fields = "$(REPO_URI) $(RELEASE) $(COMPONENT) $(ORIGIN)"
    for more in ([], ["--no-release-info"]):  # without: nothing has been fetched yet
        lines = [line.split() for line in
                 run("apt-get", "indextargets", *more, "--format", fields,
                     "Created-By: Packages").splitlines()]
        debian = [(uri, release) for uri, release, component, origin in lines
                  if component == "main" and (more or origin == "Debian")]
        main = [uri for uri, release in debian
                if re.fullmatch(r"[a-z]+(-updates|-backports)?", release)]
        security = [uri for uri, release in debian if release.endswith("-security")]
        if main:
            return main[0], security[0] if security else None
    raise NotToBeHad("this machine has no Debian mirror: its apt knows no suite of Debian's with "
                     "the component main")
