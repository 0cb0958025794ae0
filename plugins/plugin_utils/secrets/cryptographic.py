# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is used of the package cryptography. ansible-core requires it; where it is missing, whoever uses it learns what to do."""

from __future__ import annotations

import sys
from typing import NoReturn

from ansible_collections.hotclub.django.plugins.module_utils.common.errors import Trouble

__all__ = ("InvalidSignature", "NameOID", "UnsupportedAlgorithm", "ec", "hashes", "serialization", "x509")


class Missing:
    """Stands for all of a package that this Python lacks."""

    def __init__(self, package: str) -> None:
        self._package = package

    def __getattr__(self, name: str) -> NoReturn:
        raise Trouble(
            f"Ansible's Python lacks the package {self._package}, which ansible-core requires. "
            f"Install it: {sys.executable} -m pip install {self._package}"
        )


try:
    from cryptography import x509
    from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID
except ImportError:
    # Nothing of it may be used, so the types don't matter.
    globals().update(dict.fromkeys(__all__, Missing("cryptography")))
