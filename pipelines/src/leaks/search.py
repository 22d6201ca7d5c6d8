"""Looks for the answer to a task wherever a Solver could."""

import json
import marshal
import os
import sys
import types
import zlib
from importlib.util import MAGIC_NUMBER

wanted = json.load(sys.stdin)
canaries = [[part.encode() for part in pair] for pair in wanted["canaries"]]
names = set(wanted["names"])
stems = {name[:-3] for name in names if name.endswith(".py")}
# Folders of the system, which are many: only those are walked in which a Python looks for modules, and only
# files are read that are called as some of the repository.
SYSTEM = ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32", "/etc"]
PYTHON = wanted["system"] + ["/usr/lib", "/usr/local/lib", "/usr/share"]
LARGEST = 8 << 20
found = []


def codes(code):
    """Yields the functions of compiled code: name, and what it does."""
    for part in code.co_consts:
        if isinstance(part, types.CodeType):
            # Not where it stands: lines and the name of the file say nothing.
            plain = [c for c in part.co_consts if not isinstance(c, types.CodeType)]
            yield part.co_name, repr((part.co_code, plain, part.co_names, part.co_varnames))
            yield from codes(part)


sound = set()
for path, text in wanted["sound"]:
    try:
        sound.update(one for one in codes(compile(text, path, "exec")) if one[0] in wanted["functions"])
    except SyntaxError:
        pass


def look(place, data):
    for head, line in canaries:
        if head in data and line in data:
            found.append({"place": place, "what": "the text of a hidden test, `%s`" % head.decode()})
            break
    for path, text in wanted["sound"]:
        if data == text.encode():
            found.append({"place": place, "what": "the sound text of `%s`" % path})


def look_compiled(place, data):
    if data[:4] != MAGIC_NUMBER:
        return
    try:
        all_of_it = set(codes(marshal.loads(data[16:])))
    except (ValueError, EOFError, TypeError):
        return
    for name, _ in sorted(sound & all_of_it):
        found.append({"place": place, "what": "the sound code of `%s`, compiled" % name})


def look_file(place):
    try:
        if os.path.getsize(place) > LARGEST or not os.path.isfile(place):
            return
        with open(place, "rb") as file:
            data = file.read()
    except OSError:
        return
    if "/.git/objects/" in place:
        try:
            # An object says what it is, up to a NUL.
            data = zlib.decompress(data).partition(b"\0")[2]
        except zlib.error:
            return
    look(place, data)
    if place.endswith(".pyc"):
        look_compiled(place, data)


def walk(top, is_own):
    for folder, folders, files in os.walk(top):
        if is_own:
            # Those of an interpreter have their turn.
            folders[:] = [name for name in folders if os.path.join(folder, name) not in PYTHON]
        for name in folders + files:
            place = os.path.join(folder, name)
            if os.path.islink(place):
                # A folder that it leads to is walked at its own place.
                if is_own:
                    look_file(place)
            elif name in files and (is_own or name in names or name.split(".")[0] in stems):
                look_file(place)


for name in sorted(os.listdir("/")):
    top = "/" + name
    if top not in ("/proc", "/sys", "/dev") and top not in SYSTEM and not os.path.islink(top):
        walk(top, True)
for top in PYTHON:
    if not os.path.isdir(top) or top == "/usr":
        continue
    # Beside an interpreter's own folder there are those in which the system keeps them.
    is_shared = top in ("/usr/lib", "/usr/local/lib", "/usr/share")
    for name in [name for name in os.listdir(top) if name.startswith("python")] if is_shared else [""]:
        walk(os.path.join(top, name), False)
for name, value in os.environb.items():
    look("the variable " + name.decode(errors="replace"), value)
for process in os.listdir("/proc"):
    if process.isdigit():
        for part in ("environ", "cmdline", "mountinfo", "comm"):
            place = "/proc/%s/%s" % (process, part)
            try:
                with open(place, "rb") as file:
                    look(place, file.read())
            except OSError:
                pass
json.dump(found, sys.stdout)
