"""Damages copies of what a drill has left, each in one way, and asks the reader: it must notice every one, and nothing in an undamaged copy.

mutants.py READER STATE ACKNOWLEDGED DELIVERED CONTAINERS
"""
import glob, json, os, shutil, sqlite3, subprocess, sys, tempfile, zipfile

SIDES = ("commerce", "interior")
COLUMNS = "time, party, response, query_id, request_id, signature_digest, signature, hash_chain_result, hash_chain, message, seal"


class Copy:
    """One acknowledged exchange: both logs, its four containers, the certificates of the authorities."""

    def __init__(self, folder, state, line, containers):
        self.folder, self.line = folder, line
        self.id = line.split()[0]
        for side in SIDES:
            log = os.path.join(folder, "state", side, "messagelog")
            os.makedirs(log)
            source = sqlite3.connect(f"file:{state}/{side}/messagelog/messagelog.db?mode=ro", uri=True)
            with sqlite3.connect(os.path.join(log, "messagelog.db")) as target:
                source.backup(target)
            os.makedirs(os.path.join(folder, "containers", side))
            for file in glob.glob(f"{containers}/{side}/{self.id}-*.asice"):
                shutil.copy(file, os.path.join(folder, "containers", side))
        os.makedirs(os.path.join(folder, "state", "registry"))
        for file in glob.glob(f"{state}/registry/*.pem"):
            shutil.copy(file, os.path.join(folder, "state", "registry"))
        self.note("acknowledged", line)
        self.note("delivered", self.id + "\n")

    def note(self, name, text):
        with open(os.path.join(self.folder, name), "w") as out:
            out.write(text)

    def sql(self, side, response, *statements):
        with sqlite3.connect(os.path.join(self.folder, "state", side, "messagelog", "messagelog.db")) as log:
            rows = log.execute("SELECT id, query_id FROM record WHERE response = ?", (response,)).fetchall()
            record = [row[0] for row in rows if row[1] == self.id][0]
            for statement in statements:
                assert log.execute(statement.replace("?", str(record))).rowcount > 0, statement

    def container(self, side, kind):
        return glob.glob(f"{self.folder}/containers/{side}/{self.id}-{kind}-*.asice")[0]

    def rewrite(self, name, change):
        file = self.container("commerce", "request")
        with zipfile.ZipFile(file) as old:
            entries = [(entry.filename, old.read(entry)) for entry in old.infolist()]
        assert name in [entry[0] for entry in entries], name
        with zipfile.ZipFile(file, "w") as new:
            for entry, content in entries:
                content = change(content) if entry == name else content
                if content is not None:
                    new.writestr(entry, content)


def flipped(content):
    return content[:-5] + bytes([content[-5] ^ 1]) + content[-4:]


def other_value(content):
    at = content.index(b">", content.index(b"SignatureValue")) + 20
    return content[:at] + (b"B" if content[at : at + 1] == b"A" else b"A") + content[at + 1 :]


def mutants():
    for side in SIDES:
        for response, kind in ((0, "request"), (1, "response")):
            gone = ("DELETE FROM body WHERE record = ?", "DELETE FROM record WHERE id = ?")
            yield f"{side}: no {kind}", lambda c, s=side, r=response: c.sql(s, r, *gone)
            twice = f"INSERT INTO record ({COLUMNS}) SELECT {COLUMNS} FROM record WHERE id = ?"
            yield f"{side}: a {kind} twice", lambda c, s=side, r=response: c.sql(s, r, twice)
    yield "a body shorter by one", lambda c: c.sql("interior", 1, "UPDATE body SET bytes = bytes - 1 WHERE record = ?")
    yield "delivered and not on record", lambda c: c.note("delivered", c.id + "\nsomething-else\n")
    yield "acknowledged and not on record", lambda c: c.note("acknowledged", c.line.replace(c.id, c.id + "0", 1))
    yield "another request identifier", lambda c: c.note("acknowledged", c.line.replace(c.line.split()[1], "0" * 8))
    yield "no container", lambda c: os.unlink(c.container("interior", "response"))
    response = lambda c: c.container("interior", "response")
    yield "a container twice", lambda c: shutil.copy(response(c), response(c).replace(".asice", "x.asice"))
    yield "one container for another", lambda c: shutil.copy(c.container("interior", "request"), response(c))
    yield "another body", lambda c: c.rewrite("attachment1", flipped)
    yield "another message", lambda c: c.rewrite("message.xml", lambda text: text.replace(b"exchanges", b"exchangez"))
    yield "another signature", lambda c: c.rewrite("META-INF/signatures.xml", other_value)
    yield "another time-stamp", lambda c: c.rewrite("META-INF/timestamp.tst", flipped)
    yield "no time-stamp", lambda c: c.rewrite("META-INF/timestamp.tst", lambda _: None)
    yield "another document under the time-stamp", lambda c: c.rewrite(
        "ts-hashchainresult.xml", lambda text: text.replace(b"DigestValue>", b"DigestValue> ", 1)
    )


def main(reader, state, acknowledged, delivered, containers):
    with open(acknowledged) as lines:
        line = lines.readlines()[-1]

    def faults(damage):
        with tempfile.TemporaryDirectory() as folder:
            copy = Copy(folder, state, line, containers)
            damage(copy)
            paths = [os.path.join(folder, name) for name in ("state", "acknowledged", "delivered", "containers")]
            told = subprocess.run([sys.executable, reader, "evidence", *paths], capture_output=True, text=True)
            if told.returncode != 0:
                raise SystemExit(f"the reader failed: {told.stderr[-400:]}")
            verdict = json.loads(told.stdout)
            return verdict["lost"] + verdict["doubled"]

    found = faults(lambda _: None)
    if found:
        raise SystemExit(f"the reader finds fault with what is whole: {found}")
    count = 0
    for name, damage in mutants():
        if not faults(damage):
            raise SystemExit(f"the reader does not notice: {name}")
        count += 1
    print(count)


main(*sys.argv[1:])
