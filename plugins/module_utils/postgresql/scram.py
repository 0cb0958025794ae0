# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A password as PostgreSQL keeps it: a verifier by which it knows the password again, and from which nobody gets it back.

RFC 5802 (SCRAM), RFC 7677 (SCRAM-SHA-256) and RFC 4013 (SASLprep). The text is that of ``pg_authid.rolpassword``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import stringprep
import unicodedata

VERIFIER = re.compile(
    r"SCRAM-SHA-256\$(?P<iterations>[0-9]{1,9}):(?P<salt>[A-Za-z0-9+/]+={0,2})"
    r"\$(?P<stored>[A-Za-z0-9+/]{43}=):(?P<server>[A-Za-z0-9+/]{43}=)"
)
# PostgreSQL's own, as long as its setting scram_iterations says nothing else.
ITERATIONS = 4096
SALT_BYTES = 16

PROHIBITED = (
    stringprep.in_table_a1,
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def verifier_of(password: str, salt: bytes, iterations: int = ITERATIONS) -> str:
    """Return what PostgreSQL keeps of a password."""
    salted = hashlib.pbkdf2_hmac("sha256", prepared(password), salt, iterations)
    stored = hashlib.sha256(_signed(salted, b"Client Key")).digest()
    return f"SCRAM-SHA-256${iterations}:{_text(salt)}${_text(stored)}:{_text(_signed(salted, b'Server Key'))}"


def fits(password: str, verifier: str) -> bool:
    """Say whether a verifier is that of a password."""
    found = VERIFIER.fullmatch(verifier)
    if not found:
        return False
    made = verifier_of(password, base64.b64decode(found["salt"]), int(found["iterations"]))
    return hmac.compare_digest(made, verifier)


def is_verifier(text: str) -> bool:
    """Say whether a text is a verifier already."""
    return VERIFIER.fullmatch(text) is not None


def prepared(password: str) -> bytes:
    """Return the bytes that count of a password, whichever way its characters were typed.

    As the server and its clients do: what the rules don't allow is taken as it is.
    """
    if password.isascii():
        return password.encode()
    mapped = "".join(" " if stringprep.in_table_c12(sign) else sign for sign in password if not stringprep.in_table_b1(sign))
    normal = unicodedata.normalize("NFKC", mapped)
    is_allowed = bool(normal) and not any(table(sign) for sign in normal for table in PROHIBITED) and _has_one_direction(normal)
    return (normal if is_allowed else password).encode()


def _has_one_direction(text: str) -> bool:
    """Say whether a text that runs from right to left does so from its first character to its last."""
    if not any(stringprep.in_table_d1(sign) for sign in text):
        return True
    ends = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
    return ends and not any(stringprep.in_table_d2(sign) for sign in text)


def _signed(key: bytes, text: bytes) -> bytes:
    return hmac.digest(key, text, "sha256")


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
