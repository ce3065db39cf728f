"""Reads what two gateways have on record, with no code of theirs: SQLite, zip, hashes, xmlsec1 and openssl. Prints a verdict as JSON.

reader.py records STATE ACKNOWLEDGED DELIVERED            each acknowledged exchange is on record once, request and response, on both
                                                          sides, and so is each request that was delivered to the service
reader.py evidence STATE ACKNOWLEDGED DELIVERED FOLDER    and the containers FOLDER/{commerce,interior}/*.asice prove the acknowledged

A line of ACKNOWLEDGED is: message identifier, request identifier, length of the body; one of DELIVERED is a message identifier.
"""
import base64, collections, concurrent.futures, contextlib, hashlib, json, os, re, sqlite3, subprocess, sys, tempfile, uuid, zipfile
from lxml import etree

SIDES = ("commerce", "interior")
DS = "{http://www.w3.org/2000/09/xmldsig#}"
HC = "{http://cyber.ee/hashchain}"
# No certificate that the machine trusts counts here.
NO_OTHERS = dict(os.environ, SSL_CERT_FILE=os.devnull, SSL_CERT_DIR=os.devnull)
SHA512 = "http://www.w3.org/2001/04/xmlenc#sha512"
Exchange = collections.namedtuple("Exchange", "id request_id length")


class Wrong(Exception):
    pass


def demand(true, what):
    if not true:
        raise Wrong(what)


def body_of(exchange, response):
    """What the drill's client sends, and what its service answers."""
    sent = (exchange.id.encode() + b"\n") * (exchange.length // (len(exchange.id) + 1) + 1)
    return (b"answer to " if response else b"") + sent[: exchange.length]


def identifier(value):
    return str(uuid.UUID(bytes=value)) if isinstance(value, bytes) else value


def records(state, side):
    """All (identifier, request identifier, is a response, body length), and how many of them have no time-stamp yet."""
    file = os.path.join(state, side, "messagelog", "messagelog.db")
    with contextlib.closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as log:
        log.execute("BEGIN")
        demand(log.execute("PRAGMA quick_check").fetchall() == [("ok",)], f"{side}: the database is damaged")
        stamped = log.execute("SELECT coalesce(max(last), 0) FROM stamp").fetchone()[0]
        unstamped = log.execute("SELECT count(*) FROM record WHERE id > ?", (stamped,)).fetchone()[0]
        rows = log.execute(
            "SELECT record.query_id, record.request_id, record.response, coalesce(sum(body.bytes), 0)"
            " FROM record LEFT JOIN body ON body.record = record.id GROUP BY record.id"
        )
        return [(identifier(row[0]), identifier(row[1]), bool(row[2]), row[3]) for row in rows], unstamped


def check_records(state, acknowledged, delivered, verdict):
    for side in SIDES:
        found, unstamped = records(state, side)
        verdict["unstamped"] += unstamped
        verdict["records"] += len(found)
        bodies = {(row[0], row[1], row[2]): row[3] for row in found}
        # The drill's identifiers are sent once each, so no message may be there a second time, acknowledged or not.
        for (message, response), times in collections.Counter((row[0], row[2]) for row in found).items():
            if times > 1:
                verdict["doubled"].append(f"{side}: {message} has {times} {'responses' if response else 'requests'}")
        for message, request_id, response, _ in found:
            if response and (message, request_id, False) not in bodies:
                verdict["lost"].append(f"{side}: {message} has a response and no request")
        # Whatever the service was asked stood on record on both sides before.
        requests = {message for message, _, response, _ in found if not response}
        for message in delivered:
            if message not in requests:
                verdict["lost"].append(f"{side}: the service was asked {message}, whose request is not on record")
        for exchange in acknowledged:
            for response in (False, True):
                bytes_held = bodies.get((exchange.id, exchange.request_id, response))
                name = f"{side}: {'response' if response else 'request'} of {exchange.id}"
                if bytes_held is None:
                    verdict["lost"].append(f"{name} is not on record")
                elif bytes_held != len(body_of(exchange, response)):
                    verdict["lost"].append(f"{name}: {bytes_held} bytes of its body are on record")


def der(tag, content):
    length = len(content)
    size = length.to_bytes((length.bit_length() + 7) // 8, "big") if length > 127 else b""
    return bytes([tag]) + (bytes([0x80 | len(size)]) + size if size else bytes([length])) + content


def step_value(steps, step):
    """The digest of a step: of the list of its digests, each with its method and no transforms."""
    listed = b""
    for item in step:
        if item.tag == HC + "StepRef":
            value = step_value(steps, steps[item.get("URI").split("#")[1]])
        else:
            method = item.find(DS + "DigestMethod")
            demand(method is None or method.get("Algorithm") == SHA512, "another digest method in a hash chain")
            value = base64.b64decode(item.findtext(DS + "DigestValue"))
        listed += der(0x30, der(0x04, value) + der(0x0C, SHA512.encode()) + der(0x30, b""))
    return hashlib.sha512(der(0x30, listed)).digest()


def check_chain(files, name, parts):
    """The chain leads from each part to its result."""
    chain, result = etree.fromstring(files[f"{name}.xml"]), etree.fromstring(files[f"{name}result.xml"])
    demand(chain.find(HC + "DefaultDigestMethod").get("Algorithm") == SHA512, "another default digest method")
    steps = {step.get("id"): step for step in chain.findall(HC + "HashStep")}
    top = steps[result.get("URI").removeprefix(f"/{name}.xml#")]
    demand(step_value(steps, top) == base64.b64decode(result.findtext(DS + "DigestValue")), f"{name}: another result")
    covered = {ref.get("URI"): base64.b64decode(ref.findtext(DS + "DigestValue")) for ref in chain.iter(HC + "DataRef")}
    for part in parts:
        demand(covered.get("/" + part) == hashlib.sha512(files[part]).digest(), f"{name} does not cover {part}")


def tool(folder, *arguments):
    done = subprocess.run(arguments, cwd=folder, env=NO_OTHERS, capture_output=True, text=True)
    demand(done.returncode == 0, f"{arguments[0]}: {(done.stderr or done.stdout).strip()[-400:]}")


def check_container(state, file):
    """Who is in it, if everything in it is proven."""
    with zipfile.ZipFile(file) as container:
        names = container.namelist()
        demand(len(set(names)) == len(names), "an entry is there twice")
        files = {name: container.read(name) for name in names}
    parts = ["message.xml"] + sorted(name for name in files if name.startswith("attachment"))
    signed = "message.xml"
    if "sig-hashchainresult.xml" in files:
        signed = "sig-hashchainresult.xml"
        check_chain(files, "sig-hashchain", parts)
    demand(signed != "message.xml" or len(parts) == 1, "an attachment is not covered")
    check_chain(files, "ts-hashchain", ["META-INF/signatures.xml"])
    references = etree.fromstring(files["META-INF/signatures.xml"]).iter(DS + "Reference")
    demand("/" + signed in [reference.get("URI") for reference in references], f"{signed} is not signed")
    with tempfile.TemporaryDirectory() as folder:
        for name in (signed, "META-INF/signatures.xml", "META-INF/timestamp.tst", "ts-hashchainresult.xml"):
            with open(os.path.join(folder, os.path.basename(name)), "wb") as out:
                out.write(files[name])
        authority = lambda name: os.path.join(state, "registry", f"{name}.pem")
        tool(folder, "xmlsec1", "--verify", "--id-attr:Id", "SignedProperties", f"--url-map:/{signed}", signed,
             "--trusted-pem", authority("ca"), "signatures.xml")
        tool(folder, "openssl", "ts", "-verify", "-in", "timestamp.tst", "-token_in", "-data", "ts-hashchainresult.xml",
             "-CAfile", authority("tsa"), "-partial_chain")
    message = files["message.xml"].decode()
    header = lambda name: re.search(rf"(?im)^{name}:\s*(\S+)", message).group(1)
    response = message[:3].isdigit()
    return (header("x-road-id"), header("x-road-request-id"), response), files.get("attachment1", b"")


def check_evidence(state, acknowledged, folder, verdict):
    for side in SIDES:
        names = sorted(os.listdir(os.path.join(folder, side)))
        files = [os.path.join(folder, side, name) for name in names]
        held = collections.Counter()
        bodies = {}

        def judge(file):
            try:
                return check_container(state, file), None
            except Exception as error:
                return None, f"{side}: {os.path.basename(file)} proves nothing: {error!r}"

        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            for found, fault in pool.map(judge, files):
                if fault:
                    verdict["lost"].append(fault)
                    continue
                verdict["proven"] += 1
                held[found[0]] += 1
                bodies[found[0]] = found[1]
        for key, times in held.items():
            if times > 1:
                verdict["doubled"].append(f"{side}: {times} containers hold {key[0]}")
        for exchange in acknowledged:
            for response in (False, True):
                if bodies.get((exchange.id, exchange.request_id, response)) != body_of(exchange, response):
                    name = "response" if response else "request"
                    verdict["lost"].append(f"{side}: no container proves the {name} of {exchange.id}")


def main(mode, state, acknowledged, delivered, *folder):
    with open(acknowledged) as lines:
        rows = [line.split() for line in lines]
    with open(delivered) as lines:
        asked = [line.strip() for line in lines]
    exchanges = [Exchange(row[0], row[1], int(row[2])) for row in rows]
    verdict = {"records": 0, "unstamped": 0, "proven": 0, "lost": [], "doubled": []}
    check_records(state, exchanges, asked, verdict)
    if mode == "evidence":
        check_evidence(state, exchanges, folder[0], verdict)
    print(json.dumps(verdict))


main(*sys.argv[1:])
