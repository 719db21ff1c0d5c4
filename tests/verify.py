#!/usr/bin/env python3
"""A second verifier of Poterne's bundles and receipts, written from docs/format-bundle.md, format-journal.md and
format-recording.md alone. Python's standard library and python3-cryptography.

    verify.py BUNDLE [--key VKEY] [--anchor FILE]...      verify.py --receipt FILE [--key VKEY]

Ends with 0: all holds; 1: something does not; 2: consistent, proven to nobody; 64: wrong call."""
import argparse, base64, hashlib, json, os, pathlib, re, sys, tarfile
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORM = (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError)     # what hostile input raises
LIST, LINE, OWN = 64 << 20, 8 << 20, {"manifest.json", "custody.json", "reencrypted.json"}
wrong = []
class Wrong(Exception): pass
def say(what):
    wrong.append(what)
    if len(wrong) < 1000:
        print("WRONG ", "".join(c if c.isprintable() else "?" for c in what))
def guarded(do, *what):
    """What does not hold here does not keep the rest from being looked at."""
    try:
        return do(*what)
    except (Wrong, *FORM) as error:
        say(str(error) if isinstance(error, Wrong) else f"{do.__name__}: something has another form: {error!r}")
def sha(*parts): return hashlib.sha256(b"".join(parts)).digest()
def unbase64(text):
    data = base64.b64decode(text, validate=True)
    if base64.b64encode(data).decode() != text: raise ValueError("another spelling")
    return data
def unhex(texts):
    if not all(re.fullmatch("[0-9a-f]{64}", text) for text in texts): raise Wrong("a hash is not one")
    return [bytes.fromhex(text) for text in texts]
# The tree: RFC 6962, RFC 9162.
def node(left, right): return sha(b"\1", left, right)
def walk(fn, sn, seed, path):
    """From a seed up a proof: the root of the older tree and of the newer one, or None."""
    old = new = seed
    for p in path:
        if sn == 0: return None
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
    if first == 0 or first >= second: return 0 < first == second and not proof and old_root == new_root
    proof, fn, sn = ([old_root] if first & (first - 1) == 0 else []) + proof, first - 1, second - 1
    while fn & 1:
        fn, sn = fn >> 1, sn >> 1
    return bool(proof) and walk(fn, sn, proof[0], proof[1:]) == (old_root, new_root)
class Fold:
    size, peaks = 0, ()                                   # (level, hash), the largest first
    def push(self, level, digest):
        if self.size % (1 << level): raise Wrong(f"the tree does not fit together at entry {self.size}")
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
        if unbase64(key)[0] != 1 or self.id.hex() != key_id: raise ValueError("not a verifier key")
        self.key = Ed25519PublicKey.from_public_bytes(unbase64(key)[1:])
def checkpoint(note, key, what):
    text, blank, lines = note.rpartition("\n\n")
    text = text + "\n" if blank else note
    if not (found := re.fullmatch(r"([^\s+]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n", text)):
        raise Wrong(f"{what} is not a checkpoint")
    origin, size, root = found[1], int(found[2]), unbase64(found[3])
    try:
        signed = [re.fullmatch("\u2014 ([^ ]+) ([^ ]+)", line).groups() for line in lines.removesuffix("\n").split("\n")]
        signed = [(name, unbase64(data)) for name, data in signed]
        mine = [s for name, s in signed if name == origin and (not key or (name, s[:4]) == (key.name, key.id))][0]
        if len(mine) != 68 or not lines.endswith("\n") or key and key.key.verify(mine[4:], text.encode()):
            raise ValueError("no signature")
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
    if not found: raise Wrong(f"entry {place} is not a canonical leaf")
    return {**found.groupdict(), "index": int(found["index"]), "intervention": int(found["intervention"] or -1)}
def entry_of(entry, size, root):
    n, data = entry["index"], entry["leaf"].encode()
    leaf = leaf_of(data, n)
    if leaf["index"] != n or not includes(sha(b"\0", data), n, size, unhex(entry["path"]), root):
        raise Wrong(f"entry {n} ({leaf['kind']}) is not in the log of the signed checkpoint: it was altered")
    if entry["salt"] is None and entry["body"] is None: return leaf, None
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
            self.files[name], at = one, one.offset_data + (one.size + 511) // 512 * 512
            self.zeros(one.offset_data + one.size, at)
        self.zeros(at, at + 1024, 1)
    def zeros(self, start, end, more=0):
        self.tar.fileobj.seek(start)
        if self.tar.fileobj.read(end - start + more) != bytes(end - start):
            raise Wrong(f"the bundle is cut off or damaged at byte {start}, or something follows its end")
    def open(self, name):
        if name not in self.files: raise Wrong(f"{name} is not in the bundle")
        return self.tar.extractfile(self.files[name])
    def read(self, name, longest=LIST):
        if len(data := self.open(name).read(longest + 1)) > longest:
            raise Wrong(f"{name} is longer than any such file")
        return data
    def lines(self, name):
        file = self.open(name)
        return map(json.loads, iter(lambda: file.readline(LINE), b""))
    def digest(self, name, skip=0):
        file = self.open(name)
        file.seek(skip)
        return hashlib.file_digest(file, "sha256").hexdigest()
def check(bundle, key, anchors):
    raw = bundle.read("manifest.json")
    manifest = json.loads(raw)
    named = {one["name"]: (one["bytes"], one["sha256"]) for one in manifest["files"]}
    own = {name for name in bundle.files if name in OWN or name.startswith("reencrypted/")}
    for name in bundle.files.keys() - own ^ named.keys():
        say(f"{name} is in the bundle or in the manifest alone")
    for name in bundle.files.keys() & named.keys():
        if (bundle.files[name].size, bundle.digest(name)) != named[name]:
            say(f"{name} is not the file that the manifest names: it was altered")
    size, root, origin = checkpoint(bundle.read("checkpoint", 1 << 16).decode(), key, "the bundle's checkpoint")
    if (manifest["format"], manifest["size"], manifest["origin"]) != ("poterne-bundle-1", size, origin):
        say("the manifest is of another format, or tells of another log than the checkpoint")
    manifest |= {"sessions": set(manifest["sessions"]), "interventions": set(manifest["interventions"])}
    given = {name: checkpoint(note, key, name) for name, note in anchors}
    met = {name for name, anchor in given.items() if anchor[2] != origin and not say(f"{name} is another log's")}
    bodies = tree(bundle, manifest, (size, root), given, met)
    for one in bundle.lines("anchors.jsonl") if "anchors.jsonl" in bundle.files else ():
        old = checkpoint(one["checkpoint"], key, "a checkpoint that the bundle brings")
        if not continues(*old[:2], size, root, unhex(one["consistency"])):
            say(f"the log does not continue a checkpoint over {old[0]} entries: history was rewritten")
        else:
            met |= {name for name, anchor in given.items() if anchor == old}
    recordings(bundle, manifest, bodies)
    last = guarded(custody, bundle, hashlib.sha256(raw).hexdigest(), (size, root), key)
    for name, anchor in given.items():
        if name not in met and anchor != last:
            say(f"{name} covers {anchor[0]} entries, the bundle {size}: it was cut off or rolled back, or is older or coarse")
def tree(bundle, manifest, end, given, met):
    """Folds the tree beside the entries. Gives the proven bodies that tell of a session's recording."""
    fold, last, bodies, file = Fold(), "", {}, bundle.open("tree")
    lines = bundle.lines("entries.jsonl")
    before, waiting = -1, next(lines, None)
    def entry(one):
        leaf, body = entry_of(one, *end)
        print(f"holds  entry {leaf['index']}  {leaf['at']}Z  {leaf['kind']}" + ("" if body else "  (erased)"))
        if leaf["session"] and leaf["kind"] in ("session-admitted", "recording-sealed"):
            bodies[leaf["session"], leaf["kind"]] = json.loads(body) if body else {}
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
        if not kind: break
        size = 33 if kind == b"H" else int.from_bytes(file.read(2), "big")
        data = file.read(size)
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
def recording(bundle, session, held, sealed):
    folder = f"recordings/{session}/"
    raw = bundle.read(folder + "manifest.json")
    if hashlib.sha256(raw).hexdigest() != sealed.get("manifest"):
        raise Wrong(f"the recording of {session} is not the one that the journal names: it was exchanged")
    parts, pairs, keys = (json.loads(raw)[field] for field in ("parts", "secrets_open_to", "secrets_keys"))
    files = {part["name"]: part for part in parts} | {f"secrets-{i}-{j}.age": key for (i, j), key in zip(pairs, keys)}
    for name in files.keys() - set(held["without"]) if held["held"] == "stored" else ():
        if isinstance(files[name], str):
            fits = bundle.digest(folder + name) == files[name]
        else:
            head = re.match(rb"(?s).*?\n--- [^\n]*\n", bundle.open(f"{folder}{name}.age").read(1 << 16))
            digests = head and (sha(head[0]).hex(), bundle.digest(f"{folder}{name}.age", head.end()))
            fits = digests == (files[name]["head_sha256"], files[name]["body_sha256"])
        if not fits:
            say(f"{folder}{name} is not as it was sealed: the recording was exchanged or altered")
def recordings(bundle, manifest, bodies):
    for session in manifest["sessions"]:
        if (session, "session-admitted") not in bodies:
            say("the manifest names a session whose admission is not among the entries")
        if (session, "recording-sealed") in bodies:
            guarded(recording, bundle, session, manifest["recordings"][session], bodies[session, "recording-sealed"])
    copies = {name for name in bundle.files if name.startswith("reencrypted/")}
    if copies or any(one["held"] == "reencrypted" for one in manifest["recordings"].values()):
        listed = {one["name"]: one["sha256"] for one in json.loads(bundle.read("reencrypted.json"))}
        if listed != {name: bundle.digest(name) for name in copies}:
            say("reencrypted.json does not list what lies in reencrypted/")
        print("note   what lies in reencrypted/ is the word of whoever exported, until the auditor's key is used")
def receipt(text, key):
    armour = re.search("-----BEGIN POTERNE RECEIPT-----([^-]*)-----END POTERNE RECEIPT-----", text)
    try:
        proof, note = unbase64(re.sub(r"[\s>]", "", armour[1])).decode().split("\n\n", 1)
        data, first, number, *path = proof.split("\n")
        index, path = int(re.fullmatch(r"index (\d+)", number)[1]), [unbase64(line) for line in path]
    except FORM:
        raise Wrong("the receipt is damaged, or there is none") from None
    (size, root, _), leaf = checkpoint(note, key, "the receipt's checkpoint"), leaf_of(data.encode(), index)
    proven = leaf["index"] == index and includes(sha(b"\0", data.encode()), index, size, path, root)
    if first != "c2sp.org/tlog-proof@v1" or not proven:
        raise Wrong(f"entry {index} is not in the log of the signed checkpoint")
    return leaf, note
def main():
    call = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    call.add_argument("file"), call.add_argument("--key"), call.add_argument("--receipt", action="store_true")
    call.add_argument("--anchor", action="append", default=[])
    call.error = lambda message: (print(message, file=sys.stderr), sys.exit(64))
    call = call.parse_args()
    try:
        key = call.key and Key(pathlib.Path(call.key).read_text() if os.path.isfile(call.key) else call.key)
        texts = ((path, pathlib.Path(path).read_text()) for path in call.anchor)
        anchors = [(path, receipt(text, None)[1] if "BEGIN POTERNE RECEIPT" in text else text) for path, text in texts]
        open(call.file, "rb").close()
    except (OSError, Wrong, *FORM) as error:
        print(error, file=sys.stderr)
        return 64
    try:
        if call.receipt:
            leaf, _ = receipt(pathlib.Path(call.file).read_text(), key)
            print(f"holds  entry {leaf['index']}  {leaf['at']}Z  {leaf['kind']}  {leaf['session']}")
        else:
            check(Bundle(call.file), key, anchors)
    except (Wrong, tarfile.TarError, OSError, EOFError, *FORM) as error:
        say(f"{error}" if isinstance(error, Wrong) else f"the bundle is damaged or of another form: {error!r}")
    proven = f"HOLDS: signed by {key.name}" if key else "CONSISTENT WITH ITSELF, PROVEN TO NOBODY: no key was given"
    print(f"DOES NOT HOLD: {len(wrong)} findings" if wrong else proven)
    return 1 if wrong else 0 if key else 2
if __name__ == "__main__":
    sys.exit(main())
