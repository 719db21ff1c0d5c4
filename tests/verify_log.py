"""What every proof of Poterne's journal is made of, written from docs/format-journal.md alone: the tree, signed
checkpoints, leaves, entries and receipts. One part of the second verifier, verify.py; Python's standard library and
python3-cryptography."""
import base64, hashlib, json, os, pathlib, re
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

FORM = (KeyError, TypeError, ValueError, AttributeError, IndexError, RecursionError)     # what hostile input raises
wrong = []
class Wrong(Exception): pass
def tell(word, what): print(f"{word:6}", "".join(c if c.isprintable() else "?" for c in what))
def say(what):
    wrong.append(what)
    if len(wrong) < 1000:
        tell("WRONG", what)
def guarded(do, *what):
    """What does not hold here does not keep the rest from being looked at."""
    try:
        return do(*what)
    except (Wrong, *FORM) as error:
        say(str(error) if isinstance(error, Wrong) else f"{do.__name__}: something has another form: {error!r}")
def fields(pairs):
    if len(found := dict(pairs)) != len(pairs): raise Wrong("an object of JSON has a field twice")
    return found
def refuse(number): raise Wrong("a number of JSON is no whole number")
def load(text):
    text = text if isinstance(text, str) else str(text, "utf-8")          # UTF-8 alone: json.loads guesses
    return json.loads(text, object_pairs_hook=fields, parse_float=refuse, parse_constant=refuse)
def rows(many):
    if not isinstance(many, list): raise Wrong("there is no list of JSON where one belongs")
    return many
def ordinary(path):
    os.stat(path)                                         # what is not there says so itself
    if not os.path.isfile(path): raise Wrong(f"{path} is not an ordinary file")                       # a pipe never ends
    return path
def text_of(path):
    """As mails and editors leave it: other bytes around, a mark at the beginning, other ends of lines do no harm."""
    return pathlib.Path(ordinary(path)).read_text("utf-8-sig", errors="replace")
def exactly(one, *names):
    if one.keys() != set(names): raise Wrong(f"an object of JSON has other fields than {', '.join(names)}")
    return one
def sha(first, *more):
    digest = hashlib.sha256(first)
    for part in more: digest.update(part)
    return digest.digest()
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
def checkpoint(note, key, what, say=say):
    text, blank, lines = note.rpartition("\n\n")
    text = text + "\n" if blank else note
    if not (found := re.fullmatch(r"([^\s+]+)\n(0|[1-9][0-9]{0,18})\n([A-Za-z0-9+/]{43}=)\n", text)):
        raise Wrong(f"{what} is not a checkpoint")
    origin, size, root = found[1], int(found[2]), unbase64(found[3])
    try:
        signed = [re.fullmatch("\u2014 ([^ +]+) ([^ ]+)", line).groups() for line in lines.removesuffix("\n").split("\n")]
        signed = [(name, unbase64(data)) for name, data in signed]
        if any(len(data) < 4 for _, data in signed): raise ValueError("no key id")
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
    n, data = exactly(entry, "index", "leaf", "path", "salt", "body")["index"], entry["leaf"].encode()
    leaf = leaf_of(data, n)
    if leaf["index"] != n or not includes(sha(b"\0", data), n, size, unhex(entry["path"]), root):
        raise Wrong(f"entry {n} ({leaf['kind']}) is not in the log of the signed checkpoint: it was altered")
    if entry["salt"] is None and entry["body"] is None: return leaf, None
    if sha(*unhex([entry["salt"]]), entry["body"].encode()).hex() != leaf["body"]:
        raise Wrong(f"the content of entry {n} ({leaf['kind']}) is not what the journal committed to: it was altered")
    return leaf, entry["body"]
def receipt(text, key, say=say):
    armour = re.search("-----BEGIN POTERNE RECEIPT-----([^-]*)-----END POTERNE RECEIPT-----", text)
    try:
        proof, note = unbase64(re.sub(r"[\s>]", "", armour[1])).decode().split("\n\n", 1)
        data, first, number, *path = proof.split("\n")
        index, path = int(re.fullmatch("index (0|[1-9][0-9]*)", number)[1]), [unbase64(line) for line in path]
    except FORM:
        raise Wrong("the receipt is damaged, or there is none") from None
    (size, root, _), leaf = checkpoint(note, key, "the receipt's checkpoint", say), leaf_of(data.encode(), index)
    proven = leaf["index"] == index and includes(sha(b"\0", data.encode()), index, size, path, root)
    if first != "c2sp.org/tlog-proof@v1" or not proven:
        raise Wrong(f"entry {index} is not in the log of the signed checkpoint")
    return leaf, note
