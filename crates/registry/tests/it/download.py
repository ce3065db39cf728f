"""Downloads a configuration by its anchor and verifies it, with Python's standard library and `openssl` alone.

usage: download.py ANCHOR VERSION
"""

import base64
import hashlib
import re
import subprocess
import sys
import tempfile
import urllib.parse
import urllib.request
import xml.etree.ElementTree as ElementTree

HASHES = {"http://www.w3.org/2001/04/xmlenc#sha512": "sha512"}
SIGNATURES = {
    "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512": "-sha512",
    "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512": "-sha512",
}


def fetch(url):
    with urllib.request.urlopen(url, timeout=20) as answer:
        return answer.read()


def split_head(part):
    head, _, body = part.partition(b"\r\n\r\n")
    fields = {}
    for line in head.decode("ascii").split("\r\n"):
        name, _, value = line.partition(": ")
        assert name not in fields, name
        fields[name] = value
    return fields, body


def boundary(fields):
    return re.search(r"boundary=([A-Za-z0-9]+)$", fields["Content-Type"]).group(1).encode()


def parts(body, mark):
    """The bytes between the delimiters; the line end before a delimiter belongs to the delimiter."""
    pieces = (b"\r\n" + body).split(b"\r\n--" + mark)
    assert pieces[0] == b"" and pieces[-1] == b"--\r\n", (pieces[0], pieces[-1])
    for piece in pieces[1:-1]:
        assert piece.startswith(b"\r\n")
        yield piece[2:]


def verify(certificate, option, signature, signed):
    with tempfile.TemporaryDirectory() as folder:
        def put(name, content):
            with open(f"{folder}/{name}", "wb") as file:
                file.write(content)
            return f"{folder}/{name}"

        der = put("certificate.der", certificate)
        key = subprocess.run(
            ["openssl", "x509", "-inform", "DER", "-in", der, "-noout", "-pubkey"], check=True, capture_output=True
        ).stdout
        told = subprocess.run(
            ["openssl", "dgst", option, "-verify", put("key.pem", key), "-signature", put("signature", signature),
             put("signed", signed)],
            capture_output=True, text=True,
        )
        assert told.returncode == 0 and "Verified OK" in told.stdout, told


def main(anchor_file, version):
    anchor = ElementTree.parse(anchor_file).getroot()
    instance = anchor.find("instanceIdentifier").text
    source = anchor.find("source")
    certificates = [base64.b64decode(one.text) for one in source.findall("verificationCert")]
    url = f"{source.find('downloadURL').text}?version={version}"

    fields, body = split_head(fetch(url))
    signed_part, signature_part = parts(body, boundary(fields))
    inner_fields, signed = split_head(signed_part)

    fields, body = split_head(signature_part)
    named, _, algorithm = fields["Verification-certificate-hash"].partition("; hash-algorithm-id=")
    digest = HASHES[algorithm.strip('"')]
    certificate = next(
        one for one in certificates if base64.b64encode(hashlib.new(digest, one).digest()).decode() == named
    )
    signature = base64.b64decode(body.strip(), validate=True)
    verify(certificate, SIGNATURES[fields["Signature-Algorithm-Id"]], signature, signed)

    mark = boundary(inner_fields)
    assert signed.startswith(b"--" + mark) and signed.endswith(b"--" + mark + b"--\r\n")
    # The first inner part is headers only: its blank line is the line end before the next delimiter.
    head, *listed = signed.split(b"--" + mark + b"\r\n")[1:]
    assert f"Version: {version}\r\n".encode() in head and b"Expire-date: 2026-01-02T03:14:05Z\r\n" in head, head
    count = 0
    for part in listed:
        part = part.removesuffix(b"--" + mark + b"--\r\n")
        fields, body = split_head(part)
        assert fields["Content-identifier"].endswith(f"; instance='{instance}'"), fields
        assert re.fullmatch(rf"/V{version}/\d{{23}}/[a-z-]+\.xml", fields["Content-location"]), fields
        content = fetch(urllib.parse.urljoin(url, fields["Content-location"]))
        found = hashlib.new(HASHES[fields["Hash-algorithm-id"]], content).digest()
        assert base64.b64encode(found) == body.strip(), fields
        root = ElementTree.fromstring(content)
        assert root.tag == "{http://x-road.eu/xsd/xroad.xsd}conf", root.tag
        count += 1
    print(f"verified {count} files")


main(sys.argv[1], int(sys.argv[2]))
