#!/usr/bin/env python3
"""A second verifier of Poterne's bundles and receipts, written from docs/format-bundle.md, format-journal.md and
format-recording.md alone. Python's standard library and python3-cryptography.

    verify.py BUNDLE [--key VKEY] [--anchor FILE]...      verify.py --receipt FILE [--key VKEY]

Ends with 0: all holds; 1: something does not; 2: consistent, proven to nobody; 64: wrong call."""
import argparse, base64, hashlib, json, os, re, sys, tarfile
from pathlib import Path
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

LIST, LINE = 64 << 20, 8 << 20
FORM = (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError)     # what hostile input raises
wrong = []

class Wrong(Exception):
    pass

def say(what):
    wrong.append(what)
    if len(wrong) < 1000:
        print("WRONG ", "".join(c if c.isprintable() else "?" for c in what))

def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()

def unbase64(text):
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text:
        raise ValueError("another spelling")
    return data

def unhex(texts):
    if not all(re.fullmatch("[0-9a-f]{64}", text) for text in texts):
        raise Wrong("a hash is not one")
    return [bytes.fromhex(text) for text in texts]

# The tree: RFC 6962, RFC 9162.
def node(left, right):
    return sha(b"\1", left, right)

def walk(fn, sn, seed, path):
    """From a seed up a proof: the root of the older tree and of the newer one, or None."""
    old = new = seed
    for p in path:
        if sn == 0:
            return None
        if fn & 1 or fn == sn:
            old, new = node(p, old), node(p, new)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            new = node(new, p)
        fn, sn = fn >> 1, sn >> 1
    return (old, new) if sn == 0 else None

def includes(leaf, index, size, path, root):
    return 0 <= index < size and (walk(index, size - 1, leaf, path) or (0, 0))[1] == root

def continues(first, old_root, second, new_root, proof):
    if first == 0 or first >= second:
        return 0 < first == second and not proof and old_root == new_root
    proof, fn, sn = ([old_root] if first & (first - 1) == 0 else []) + proof, first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    return bool(proof) and walk(fn, sn, proof[0], proof[1:]) == (old_root, new_root)

class Fold:
    size, peaks = 0, ()                                   # (level, hash), the largest first
    def push(self, level, digest):
        if self.size % (1 << level):
            raise Wrong(f"the tree does not fit together at entry {self.size}")
        self.size += 1 << level
        while self.peaks and self.peaks[-1][0] == level:
            digest, level, self.peaks = node(self.peaks[-1][1], digest), level + 1, self.peaks[:-1]
        self.peaks += ((level, digest),)
    def root(self):
        root = self.peaks[-1][1] if self.peaks else sha(b"")
        for _, left in reversed(self.peaks[:-1]):
            root = node(left, root)
        return root

# Notes, leaves, entries.
class Key:
    def __init__(self, text):
        self.name, key_id, key = text.strip().split("+", 2)
        self.id = sha(self.name.encode(), b"\n", unbase64(key))[:4]
        if unbase64(key)[0] != 1 or self.id.hex() != key_id:
            raise ValueError("not a verifier key")
        self.key = Ed25519PublicKey.from_public_bytes(unbase64(key)[1:])

def checkpoint(note, key, what):
    """Size, root, origin. One that is not signed is said to be, and looked at all the same."""
    text, blank, lines = note.rpartition("\n\n")
    text = text + "\n" if blank else note
    if not (found := re.fullmatch(r"([^\s+]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n", text)):
        raise Wrong(f"{what} is not a checkpoint")
    origin, size, root = found[1], int(found[2]), unbase64(found[3])
    try:
        signed = [re.fullmatch("\u2014 ([^ ]+) ([^ ]+)", line).groups() for line in lines.removesuffix("\n").split("\n")]
        signed = [(name, unbase64(data)) for name, data in signed]
        mine = [s for name, s in signed if name == origin and (not key or (name, s[:4]) == (key.name, key.id))][0]
        if len(mine) != 68 or not lines.endswith("\n"):
            raise ValueError("no signature")
        if key:
            key.key.verify(mine[4:], text.encode())
    except (*FORM, InvalidSignature):
        say(f"{what} does not hold: no signature by the key given; an absent signature is an error")
    return size, root, origin

ID, HASH, NUMBER = r'[!#-\[\]-~]+', "[0-9a-f]{64}", r"(?:0|[1-9]\d{0,15})"
LEAF = re.compile(
    rf'\{{(?:"account":"{ID}",)?"at":"(?P<at>\d{{4}}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{{0,2}}[1-9])?)Z","body":"(?P<body>{HASH})",'
    rf'"index":(?P<index>{NUMBER})(?:,"intervention":(?P<intervention>{NUMBER}))?,"key":"[0-9a-f]{{16}}",'
    rf'"kind":"(?P<kind>{ID})","sealed":"{HASH}"(?:,"session":"(?P<session>{ID})")?\}}', re.ASCII)

def leaf_of(data, place):
    found = LEAF.fullmatch(data.decode("latin-1")) if len(data) <= 1024 else None
    if not found:
        raise Wrong(f"entry {place} is not a canonical leaf")
    number = found["intervention"] and int(found["intervention"])
    return {**found.groupdict(), "index": int(found["index"]), "intervention": number}

def entry_of(entry, size, root):
    """An entry's leaf, and its body or None if that was erased."""
    n, data = entry["index"], entry["leaf"].encode()
    leaf = leaf_of(data, n)
    if leaf["index"] != n or not includes(sha(b"\0", data), n, size, unhex(entry["path"]), root):
        raise Wrong(f"entry {n} ({leaf['kind']}) is not in the log of the signed checkpoint: it was altered")
    if entry["salt"] is None and entry["body"] is None:
        return leaf, None
    if sha(*unhex([entry["salt"]]), entry["body"].encode()).hex() != leaf["body"]:
        raise Wrong(f"the content of entry {n} ({leaf['kind']}) is not what the journal committed to: it was altered")
    return leaf, entry["body"]

# The bundle.
class Bundle:
    def __init__(self, path):
        self.tar, self.files, at = tarfile.open(path, "r:"), {}, 0
        for one in self.tar:
            name = re.fullmatch(r"(?:[\w][\w.-]*/)*[\w][\w.-]*", one.name, re.ASCII) and one.name
            if one.offset != at or one.type != tarfile.REGTYPE or not name or len(name) > 99 or name in self.files:
                raise Wrong(f"at byte {at} there is no header of an ordinary file, or one of a second time")
            self.files[name] = one
            at = one.offset_data + (one.size + 511) // 512 * 512
        with open(path, "rb") as file:
            file.seek(at)
            if file.read(1025) != bytes(1024):
                raise Wrong(f"the bundle is cut off or damaged at byte {at}, or something follows its end")
    def open(self, name):
        if name not in self.files:
            raise Wrong(f"{name} is not in the bundle")
        return self.tar.extractfile(self.files[name])
    def read(self, name, longest=LIST):
        if len(data := self.open(name).read(longest + 1)) > longest:
            raise Wrong(f"{name} is longer than any such file")
        return data
    def lines(self, name):
        file = self.open(name)
        while line := file.readline(LINE):
            yield json.loads(line)
    def digest(self, name, skip=0):
        file, digest = self.open(name), hashlib.sha256()
        file.seek(skip)
        while piece := file.read(1 << 20):
            digest.update(piece)
        return digest.hexdigest()

def check(bundle, key, anchors):
    raw = bundle.read("manifest.json")
    manifest = json.loads(raw)
    if manifest["format"] != "poterne-bundle-1":
        raise Wrong("manifest.json is of another format")
    named = {file["name"]: file for file in manifest["files"]}
    for name, file in named.items():
        if name not in bundle.files:
            say(f"{name} is not in the bundle")
        elif (bundle.files[name].size, bundle.digest(name)) != (file["bytes"], file["sha256"]):
            say(f"{name} is not the file that the manifest names: it was altered")
    for name in bundle.files.keys() - named.keys() - {"manifest.json", "custody.json", "reencrypted.json"}:
        if not name.startswith("reencrypted/"):
            say(f"{name} is in the bundle, and the manifest does not name it")
    size, root, origin = checkpoint(bundle.read("checkpoint", 1 << 16).decode(), key, "the bundle's checkpoint")
    if (manifest["size"], manifest["origin"]) != (size, origin):
        say("the manifest tells of another log than the checkpoint")
    given, last = {name: checkpoint(note, key, name) for name, note in anchors}, None
    met = {name for name, anchor in given.items() if anchor[2] != origin and not say(f"{name} is another log's")}
    bodies = tree(bundle, manifest, (size, root), given, met)
    for one in bundle.lines("anchors.jsonl") if "anchors.jsonl" in bundle.files else ():
        old = checkpoint(one["checkpoint"], key, "a checkpoint that the bundle brings")
        if not continues(*old[:2], size, root, unhex(one["consistency"])):
            say(f"the log does not continue a checkpoint over {old[0]} entries: history was rewritten")
        else:
            met |= {name for name, anchor in given.items() if anchor == old}
    try:
        last = custody(bundle, hashlib.sha256(raw).hexdigest(), (size, root), key)
    except (Wrong, *FORM) as error:
        say(f"custody.json: {error}")
    for name, anchor in given.items():
        if name not in met and anchor != last:
            say(f"{name} covers {anchor[0]} entries, the bundle's checkpoint {size}: the log was cut off or rolled back, "
                "or the bundle is older, or too coarse there")
    recordings(bundle, manifest, bodies)

def tree(bundle, manifest, end, given, met):
    """Folds the tree beside the entries. Gives the proven bodies that tell of a session's recording."""
    fold, last, bodies, file = Fold(), "", {}, bundle.open("tree")
    lines = bundle.lines("entries.jsonl")
    before, waiting = -1, next(lines, None)
    def take():
        nonlocal waiting, before
        try:
            if waiting["index"] <= before:
                say(f"entry {waiting['index']} stands behind entry {before}: entries were swapped or doubled")
            before = waiting["index"]
            leaf, body = entry_of(waiting, *end)
            print(f"holds  entry {leaf['index']}  {leaf['at']}Z  {leaf['kind']}" + ("" if body else "  (erased)"))
            if leaf["session"] and leaf["kind"] in ("session-admitted", "recording-sealed"):
                bodies[leaf["session"], leaf["kind"]] = json.loads(body) if body else {}
        except Wrong as error:
            say(str(error))
        waiting = next(lines, None)
    def leaf_here(data, n):
        nonlocal last
        leaf = leaf_of(data, n)
        if leaf["index"] != n:
            say(f"at place {n} stands entry {leaf['index']}: entries were dropped or swapped")
        at = leaf["at"].ljust(20, ".").ljust(23, "0")
        if at < last:
            say(f"entry {n} is dated before the one in front of it")
        last = at
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
        kind, n = file.read(1), fold.size
        if not kind:
            break
        size = 33 if kind == b"H" else int.from_bytes(file.read(2), "big")
        data = file.read(size)
        if kind not in b"HL" or len(data) != size or kind == b"H" and data[0] > 40 or size > 1024:
            raise Wrong(f"the tree is damaged behind entry {n}")
        if kind == b"L":
            fold.push(0, sha(b"\0", data))
            try:
                leaf_here(data, n)
            except Wrong as error:
                say(str(error))
        else:
            if max(n, manifest["first"]) < min(n + (1 << data[0]), manifest["end"]):
                say(f"a leaf from entry {n} on is not shown: an entry may have been left out")
            fold.push(data[0], data[1:])
    while waiting:
        take()
    if fold.size != end[0]:
        say(f"the checkpoint covers {end[0]} entries, and the tree {fold.size}: the log was cut off")
    elif fold.root() != end[1]:
        say("the tree has another root than the signed checkpoint: entries were altered, dropped or swapped")
    return bodies

def custody(bundle, manifest, end, key):
    one = json.loads(bundle.read("custody.json", LINE))
    later = checkpoint(one["checkpoint"], key, "the checkpoint of the export")
    if not continues(*end, *later[:2], unhex(one["consistency"])):
        raise Wrong("the checkpoint of the export does not continue the bundle's: history was rewritten")
    leaf, body = entry_of(one["entry"], *later[:2])
    if leaf["kind"] != "evidence-exported" or not body or json.loads(body)["manifest"] != manifest:
        raise Wrong("the journal names another manifest: what is in this bundle is not what was exported")
    return later

def recordings(bundle, manifest, bodies):
    for session in manifest["sessions"]:
        folder, sealed = f"recordings/{session}/", bodies.get((session, "recording-sealed"))
        if (session, "session-admitted") not in bodies:
            say("the manifest names a session whose admission is not among the entries")
        if sealed is None:
            continue
        try:
            raw, held = bundle.read(folder + "manifest.json"), manifest["recordings"][session]
            if hashlib.sha256(raw).hexdigest() != sealed.get("manifest"):
                raise Wrong(f"the recording of {session} is not the one that the journal names: it was exchanged")
            for part in json.loads(raw)["parts"] if held["held"] == "stored" else ():
                name = folder + part["name"] + ".age"
                if part["name"] in held["without"]:
                    continue
                head = re.match(rb"(?s).*?\n--- [^\n]*\n", bundle.open(name).read(1 << 16))
                head = head[0] if head else b""
                if (sha(head).hex(), bundle.digest(name, len(head))) != (part["head_sha256"], part["body_sha256"]):
                    say(f"{name} is not as it was sealed: the recording was exchanged or altered")
            for (i, j), digest in zip(*(json.loads(raw)[field] for field in ("secrets_open_to", "secrets_keys"))):
                name = f"secrets-{i}-{j}.age"
                if held["held"] == "stored" and name not in held["without"] and bundle.digest(folder + name) != digest:
                    say(f"{folder}{name} is not as it was sealed")
        except Wrong as error:
            say(str(error))
    copies = {name for name in bundle.files if name.startswith("reencrypted/")}
    if copies or any(one["held"] == "reencrypted" for one in manifest["recordings"].values()):
        listed = {one["name"]: one["sha256"] for one in json.loads(bundle.read("reencrypted.json"))}
        if listed != {name: bundle.digest(name) for name in copies}:
            say("reencrypted.json does not list what lies in reencrypted/")
        print("note   what lies in reencrypted/ is the word of whoever exported, until the auditor's key is used")

def receipt(text, key):
    """The leaf and the checkpoint of a receipt that holds."""
    armour = re.search("-----BEGIN POTERNE RECEIPT-----([^-]*)-----END POTERNE RECEIPT-----", text)
    try:
        data, first, number, *path = unbase64(re.sub(r"[\s>]", "", armour[1])).decode().split("\n\n")[0].split("\n")
        note = unbase64(re.sub(r"[\s>]", "", armour[1])).decode().split("\n\n", 1)[1]
        index, path = int(re.fullmatch(r"index (\d+)", number)[1]), [unbase64(line) for line in path]
    except FORM:
        raise Wrong("the receipt is damaged, or there is none") from None
    size, root, _ = checkpoint(note, key, "the receipt's checkpoint")
    leaf = leaf_of(data.encode(), index)
    if first != "c2sp.org/tlog-proof@v1" or leaf["index"] != index or not includes(sha(b"\0", data.encode()), index, size, path, root):
        raise Wrong(f"entry {index} is not in the log of the signed checkpoint")
    return leaf, note

def main():
    call = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    call.add_argument("file"), call.add_argument("--receipt", action="store_true")
    call.add_argument("--key"), call.add_argument("--anchor", action="append", default=[])
    call.error = lambda message: (print(message, file=sys.stderr), sys.exit(64))
    call = call.parse_args()
    try:
        key = call.key and Key(Path(call.key).read_text() if os.path.isfile(call.key) else call.key)
        texts = [(path, Path(path).read_text()) for path in call.anchor]
        anchors = [(path, receipt(text, None)[1] if "BEGIN POTERNE RECEIPT" in text else text) for path, text in texts]
        open(call.file, "rb").close()
    except (OSError, Wrong, *FORM) as error:
        print(error, file=sys.stderr)
        return 64
    try:
        if call.receipt:
            leaf, _ = receipt(Path(call.file).read_text(), key)
            print(f"holds  entry {leaf['index']}  {leaf['at']}Z  {leaf['kind']}  {leaf['session']}")
        else:
            check(Bundle(call.file), key, anchors)
    except (Wrong, tarfile.TarError, OSError, EOFError, *FORM) as error:
        say(f"{error}" if isinstance(error, Wrong) else f"the bundle is damaged or of another form: {error!r}")
    if wrong or not key:
        print(f"DOES NOT HOLD: {len(wrong)} findings" if wrong else "CONSISTENT WITH ITSELF, PROVEN TO NOBODY: no key was given")
        return 1 if wrong else 2
    print(f"HOLDS: signed by {key.name}")
    return 0

if __name__ == "__main__":
    sys.exit(main())
