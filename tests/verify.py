#!/usr/bin/env python3
"""A second verifier of Poterne's bundles and receipts, written from docs/format-bundle.md, format-journal.md and
format-recording.md alone. Python's standard library and python3-cryptography; the proofs are in verify_log.py.

    verify.py BUNDLE [--key VKEY] [--anchor FILE]... [--anchor-key VKEY]...
    verify.py --receipt FILE [--key VKEY]

Ends with 0: all holds; 1: something does not; 2: consistent, proven to nobody; 64: wrong call."""
import argparse, hashlib, mmap, os, re, sys
sys.dont_write_bytecode = True                            # what it imports leaves nothing beside it
from verify_log import (FORM, Fold, Key, Wrong, checkpoint, continues, entry_of, exactly, guarded, leaf_of, load, ordinary, receipt,
                        rows, say, sha, tell, text_of, unhex, wrong)

LIST, LINE, OWN = 64 << 20, 8 << 20, {"manifest.json", "custody.json", "reencrypted.json"}
MANIFEST = "format origin made by purpose scope sessions interventions first end size recordings files".split()
FILE = ("name", "bytes", "sha256")
BEGUN, OVER = ([f"intervention-{one}" for one in kinds.split()] for kinds in ("requested planned", "ended refused withdrawn expired"))
KINDS = ["session-ended", "recording-sealed", *BEGUN, *OVER]
PATH, OCTAL = re.compile(r"(?=.{1,99}$)(?:\w[\w.-]*/)*\w[\w.-]*", re.ASCII), re.compile(b"[0-7]{11}")
def header(name, size, modified):
    field, made = b"%011o\0" % size if size < 1 << 33 else b"\x80" + size.to_bytes(11, "big"), bytearray(512)
    for at, what in ((0, name), (100, b"0000600\0"), (108, b"0000000\0"), (116, b"0000000\0"), (124, field),
                     (136, b"%011o\0" % modified), (148, b" " * 8), (156, b"0"), (257, b"ustar\x0000")):
        made[at:at + len(what)] = what
    made[148:156] = b"%06o\0 " % sum(made)
    return bytes(made)
class Bundle:
    def __init__(self, path):
        with open(path, "rb") as file:
            self.data = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self.files, at = {}, 0
        while (head := self.data[at:at + 512]) != bytes(512):
            # One spelling alone: a header that another tar reads otherwise would show other files there.
            name, size, modified = head[:100].rstrip(b"\0").decode("latin-1"), head[124:136], head[136:147]
            size = int.from_bytes(size[1:], "big") if size[:1] == b"\x80" else int(b"0" + size[:11], 8) if OCTAL.fullmatch(size[:11]) else -1
            if not (PATH.fullmatch(name) and OCTAL.fullmatch(modified) and 0 <= size < 1 << 48 and name not in self.files
                    and head == header(name.encode(), size, int(modified, 8))):
                raise Wrong(f"at byte {at} there is no header of an ordinary file, or one of a second time")
            self.files[name], end = (at + 512, size), at + 512 + size
            at = (end + 511) // 512 * 512
            self.zeros(end, at)
        self.zeros(at, at + 1024, 1)
    def zeros(self, start, end, more=0):
        if self.data[start:end + more] != bytes(end - start):
            raise Wrong(f"the bundle is cut off or damaged at byte {start}, or something follows its end")
    def view(self, name):
        if name not in self.files: raise Wrong(f"{name} is not in the bundle")
        at, size = self.files[name]
        return memoryview(self.data)[at:at + size]
    def read(self, name, longest=LIST):
        if len(self.view(name)) > longest: raise Wrong(f"{name} is longer than any such file")
        return bytes(self.view(name))
    def lines(self, name):
        at, end = 0, len(self.view(name))
        first = self.files[name][0]
        while at < end:
            behind = self.data.find(b"\n", first + at, first + min(end, at + LINE)) + 1 - first
            if behind <= 0: raise Wrong(f"{name} has a line without an end")
            yield load(bytes(self.view(name)[at:behind]))
            at = behind
    def digest(self, name, skip=0): return sha(self.view(name)[skip:]).hex()
def check(bundle, key, given):
    raw = bundle.read("manifest.json")
    manifest = exactly(load(raw), *MANIFEST)
    named = {one["name"]: (one["bytes"], one["sha256"]) for one in manifest["files"] if exactly(one, *FILE)}
    own = {name for name in {*bundle.files, *named} if name in OWN or name.startswith("reencrypted/")}
    if len(named) != len(manifest["files"]) or own & named.keys():
        say("manifest.json names a file twice, or one that it cannot name")
    for name in (bundle.files.keys() ^ named.keys()) - own:
        say(f"{name} is in the bundle or in the manifest alone")
    for name in (bundle.files.keys() & named.keys()) - own:
        if (bundle.files[name][1], bundle.digest(name)) != named[name]:
            say(f"{name} is not the file that the manifest names: it was altered")
    size, root, origin = checkpoint(bundle.read("checkpoint", 1 << 16).decode(), key, "the bundle's checkpoint")
    if (manifest["format"], manifest["size"], manifest["origin"]) != ("poterne-bundle-1", size, origin):
        say("the manifest is of another format, or tells of another log than the checkpoint")
    manifest |= {"sessions": set(manifest["sessions"]), "interventions": set(manifest["interventions"])}
    met = {name for name, (*_, other) in given.items() if other not in (None, origin) and not say(f"{name} is another log's")}
    def proven(older):
        for name in given.keys() - met:
            if given[name][:2] == older and not met.add(name):
                tell("holds", f"the log continues {name}, over {older[0]} entries")
    bodies, seen, count = tree(bundle, manifest, (size, root), given, met)
    for one in bundle.lines("anchors.jsonl") if "anchors.jsonl" in bundle.files else ():
        *old, other = checkpoint(exactly(one, "checkpoint", "consistency")["checkpoint"], key, "a checkpoint that the bundle brings")
        if other != origin:
            say("a checkpoint that the bundle brings is another log's")
        elif not continues(*old, size, root, unhex(one["consistency"])):
            say(f"the log does not continue a checkpoint over {old[0]} entries: history was rewritten")
        else:
            proven(tuple(old))
    later, scope = guarded(custody, bundle, hashlib.sha256(raw).hexdigest(), (size, root), key, origin) or (None, {})
    proven(later)
    for name in given.keys() - met:
        say(f"{name} covers {given[name][0]} entries, and the bundle {size}: the bundle was made before it (export again), "
            "or the log was cut off or rolled back" if given[name][0] > size else
            f"{name} over {given[name][0]} entries cannot be held against this bundle, which is too coarse there")
    guarded(whole, manifest, seen, scope)
    recordings(bundle, manifest, bodies)
    tell("", f"{sum(count)} entries hold, {count[1]} without content (erased)")
def tree(bundle, manifest, end, given, met):
    """Folds the tree beside the entries. Gives the proven bodies that tell of a session's recording, and the leaves
    that must be shown, as far as they say where something begins and ends."""
    fold, last, bodies, seen, count, file, at = Fold(), "", {}, set(), [0, 0], bundle.view("tree"), 0
    lines = bundle.lines("entries.jsonl")
    before, waiting = -1, next(lines, None)
    def entry(one):
        leaf, body = entry_of(one, *end)
        tell("holds", f"entry {leaf['index']}  {leaf['at']}Z  {leaf['kind']}" + ("  (erased)" if body is None else ""))
        count[body is None] += 1
        if leaf["session"] and leaf["kind"] in ("session-admitted", "recording-sealed"):
            bodies[leaf["session"], leaf["kind"]] = load(body) if body else {}
    def take():
        nonlocal waiting, before
        if waiting["index"] <= before:
            say(f"entry {waiting['index']} stands behind entry {before}: entries were swapped or doubled")
        guarded(entry, waiting)
        before, waiting = waiting["index"], next(lines, None)
    def leaf_here(data, n):
        nonlocal last
        leaf = leaf_of(data, n)
        if leaf["index"] != n:
            say(f"at place {n} stands entry {leaf['index']}: entries were dropped or swapped")
        at = leaf["at"].ljust(20, ".").ljust(23, "0")
        if at < last:
            say(f"entry {n} is dated before the one in front of it")
        last = at
        if manifest["first"] <= n < manifest["end"]:
            seen.add((leaf["kind"] if leaf["kind"] in KINDS else "", leaf["intervention"], leaf["session"]))
        if leaf["session"] in manifest["sessions"] or leaf["intervention"] in manifest["interventions"]:
            while waiting and waiting["index"] < leaf["index"]:
                take()
            if not waiting or waiting["index"] != leaf["index"]:
                return say(f"entry {n} ({leaf['kind']}) concerns this, and its content is not here: an entry was dropped")
            take()
    while True:
        for name in given.keys() - met:
            if given[name][0] == fold.size:
                met.add(name)
                if given[name][1] != fold.root():
                    say(f"{name} over {fold.size} entries has another root: history was rewritten")
                else:
                    tell("holds", f"the log continues {name}, over {fold.size} entries")
        kind, n = bytes(file[at:at + 1]), fold.size
        if not kind: break
        at, size = (at + 1, 33) if kind == b"H" else (at + 3, int.from_bytes(file[at + 1:at + 3], "big"))
        data, at = bytes(file[at:at + size]), at + size
        if kind not in b"HL" or len(data) != size or kind == b"H" and data[0] > 40 or size > 1024:
            raise Wrong(f"the tree is damaged behind entry {n}")
        if kind == b"L":
            fold.push(0, sha(b"\0", data))
            guarded(leaf_here, data, n)
        else:
            if max(n, manifest["first"]) < min(n + (1 << data[0]), manifest["end"]):
                say(f"a leaf from entry {n} on is not shown: an entry may have been left out")
            fold.push(data[0], data[1:])
    while waiting:
        take()
    if (fold.size, fold.root()) != end:
        say(f"the tree, over {fold.size} entries, is not the signed checkpoint's: the log was cut off, or entries were "
            "altered, dropped or swapped")
    return bodies, seen, count
def custody(bundle, manifest, end, key, origin):
    one = exactly(load(bundle.read("custody.json", LINE)), "entry", "checkpoint", "consistency")
    later = checkpoint(one["checkpoint"], key, "the checkpoint of the export")
    if later[2] != origin: raise Wrong("the checkpoint of the export is another log's")
    if not continues(*end, *later[:2], unhex(one["consistency"])):
        raise Wrong("the checkpoint of the export does not continue the bundle's: history was rewritten")
    leaf, body = entry_of(one["entry"], *later[:2])
    if leaf["kind"] != "evidence-exported" or not body or (body := load(body))["manifest"] != manifest:
        raise Wrong("the journal names another manifest: what is in this bundle is not what was exported")
    (kind, of), = body["scope"].items()
    what = f"{kind} {of}" if kind != "vendor" else f"vendor {of['vendor']} from {of['from']} to {of['to']}"
    tell("holds", f"entry {leaf['index']}  {leaf['at']}Z  {leaf['kind']}  names this very manifest")
    tell("holds", f"it was exported by {body['staff']}, about {what}, for: {body['purpose']}")
    return later[:2], body["scope"]
def whole(manifest, seen, scope):
    """The manifest must let everything be seen that concerns what it names."""
    first, end, size, sessions, numbers = (manifest[name] for name in ("first", "end", "size", "sessions", "interventions"))
    if not 0 <= first < end <= size or not numbers:
        say(f"the manifest shows the entries from {first} to before {end} of {size}, of {len(numbers)} interventions: that is none")
    if "session" in scope and sessions != {scope["session"]} or "intervention" in scope and numbers != {scope["intervention"]}:
        say("the manifest is about something else than the journal says was exported")
    told = {kind: {number if kind in BEGUN + OVER else session for one, number, session in seen if one == kind} for kind in KINDS}
    for number in sorted(numbers.difference(*map(told.get, BEGUN))):
        say(f"the first entry of intervention {number} is not among those shown: entries may have been left out")
    for session, number in sorted({(session, number) for _, number, session in seen if session and number >= 0}):
        if number in numbers and session not in sessions and "session" in scope:
            tell("note", f"{session} of intervention {number} is not in this bundle, which is about one session")
        elif number in numbers and session not in sessions:
            say(f"{session} of intervention {number} is not in the manifest: its entries were left out")
        elif session in sessions and number not in numbers:
            say(f"{session} is of intervention {number}, which is not in the manifest")
    for what in [*(f"intervention {number} has no closing entry" for number in sorted(numbers.difference(*map(told.get, OVER)))),
                 *(f"{session} has no closing entry" for session in sorted(sessions - told["session-ended"])),
                 *(f"no recording of {session} was sealed" for session in sorted(sessions - told["recording-sealed"]))]:
        if end == size:
            tell("note", f"{what} among those shown")
        else:
            say(f"{what} among those shown, and what follows them is not shown: entries may have been left out")
def recording(bundle, session, held, sealed):
    """Gives the copies that must be there in the place of its parts."""
    if held["held"] not in ("stored", "reencrypted"): raise Wrong(f"the recording of {session} was sealed, and is not in the bundle")
    folder, without = f"recordings/{session}/", set(exactly(held, "held", "without")["without"])
    raw = bundle.read(folder + "manifest.json")
    if hashlib.sha256(raw).hexdigest() != sealed.get("manifest"):
        raise Wrong(f"the recording of {session} is not the one that the journal names: it was exchanged")
    one = load(raw)
    keys = zip(one.get("secrets_open_to", []), one.get("secrets_keys", []))
    files = {f"{part['name']}.age": (part["name"], *unhex([part["head_sha256"], part["body_sha256"]])) for part in one["parts"]}
    files |= {name: (name, *unhex([key])) for (i, j), key in keys if (name := f"secrets-{i}-{j}.age")}
    if not all(PATH.fullmatch(folder + name) for name in files): raise Wrong(f"{folder}manifest.json has another form")
    if one["state"] != "whole":
        tell("note", f"the recording of {session} is {one['state']}")
    if held["held"] == "reencrypted":
        tell("holds", f"the manifest of the recording of {session} is the one that the journal names")
        return {f"reencrypted/{session}/{part['name']}.age" for part in one["parts"]
                if part["kind"] != "secrets" and part["name"] not in without}
    here = {path for path, (name, *_) in files.items() if name not in without}
    for path in sorted(files.keys() - here):
        tell("note", f"{folder}{path} was not on the bastion any more")
    before = len(wrong)
    for path in sorted(here):
        _, *digests = files[path]
        head = len(digests) > 1 and re.match(rb"(?s).*?\n--- [^\n]*\n", bytes(bundle.view(folder + path)[:1 << 16]))
        found = [sha(head[0])] if head else []
        if [*found, bytes.fromhex(bundle.digest(folder + path, head.end() if head else 0))] != digests:
            say(f"{folder}{path} is not as it was sealed: the recording was exchanged or altered")
    if len(wrong) == before:
        tell("holds", f"the {'recording' if here else 'manifest of the recording'} of {session} is the one that the journal names"
             + (f": {len(here)} of its {len(files)} files are here" if here else ""))
def recordings(bundle, manifest, bodies):
    wanted = set()
    for session in sorted(manifest["sessions"]):
        if (session, "session-admitted") not in bodies:
            say(f"the admission of {session} is not among the entries")
        if (session, "recording-sealed") in bodies:
            held = manifest["recordings"].get(session, {"held": None})
            wanted |= guarded(recording, bundle, session, held, bodies[session, "recording-sealed"]) or set()
    copies = {name for name in bundle.files if name.startswith("reencrypted/")}
    if copies or wanted or "reencrypted.json" in bundle.files:
        listed = [exactly(one, *FILE) for one in rows(load(bundle.read("reencrypted.json")))]
        for name in sorted(copies ^ wanted):
            say(f"{name} is a copy that is missing, or one that nothing in this bundle asks for")
        if sorted(one["name"] for one in listed) != sorted(copies):
            return say("reencrypted.json does not list what lies in reencrypted/")
        for one in listed if copies == wanted else ():
            if (bundle.files[one["name"]][1], bundle.digest(one["name"])) != (one["bytes"], one["sha256"]):
                say(f"{one['name']} is not as reencrypted.json lists it")
        if listed:
            tell("note", "what lies in reencrypted/ is the word of whoever exported, until the auditor's key is used")
def anchor(path, keys):
    """A checkpoint from elsewhere. One that cannot be used is wrong with the call, and says nothing about the bundle."""
    text = text_of(path)
    try:
        note = receipt(text, None, [].append)[1] if "-----BEGIN POTERNE RECEIPT-----" in text else text
    except Wrong as error:
        raise Wrong(f"{path} cannot be used: {error}") from None
    for key in keys or [None]:
        try:
            faults = []
            found = checkpoint(note, key, path, faults.append)
        except Wrong:
            continue
        if not faults:
            return *found[:2], None if keys else found[2]
    raise Wrong(f"{path} is no checkpoint signed by the key given: it says nothing about this bundle. Leave it out, or name "
                "the key that signed it with --anchor-key")
def main():
    call = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    call.add_argument("file"), call.add_argument("--key"), call.add_argument("--receipt", action="store_true")
    call.add_argument("--anchor", action="append", default=[]), call.add_argument("--anchor-key", action="append", default=[])
    call.error = lambda message: (print(message, file=sys.stderr), sys.exit(64))
    call = call.parse_args()
    try:
        keys = [Key(text_of(text) if os.path.isfile(text) else text)
                for text in [call.key, *call.anchor_key] if text is not None]
        key = keys[0] if call.key is not None else None
        anchors = {path: anchor(path, keys) for path in call.anchor}
        open(ordinary(call.file), "rb").close()
    except (OSError, Wrong, *FORM) as error:
        print("verify.py:", "".join(c if c.isprintable() else "?" for c in str(error)), file=sys.stderr)
        return 64
    try:
        if call.receipt:
            leaf, _ = receipt(text_of(call.file), key)
            tell("holds", f"entry {leaf['index']}  {leaf['at']}Z  {leaf['kind']}  {leaf['session']}")
        else:
            check(Bundle(call.file), key, anchors)
            if not anchors:
                tell("note", "no checkpoint from elsewhere was given (--anchor): a history rewritten by the holder of the "
                     "signing key would not be found")
    except (Wrong, OSError, EOFError, *FORM) as error:
        say(f"{error}" if isinstance(error, Wrong) else f"the bundle is damaged or of another form: {error!r}")
    proven = f"HOLDS: signed by {key.name}" if key else "CONSISTENT WITH ITSELF, PROVEN TO NOBODY: no key was given"
    print(f"DOES NOT HOLD: {len(wrong)} findings" if wrong else proven)
    return 1 if wrong else 0 if key else 2
if __name__ == "__main__":
    sys.exit(main())
