# Copyright: the hotclub.django authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read a secret of the controller, or make it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: secret
short_description: A secret that is generated once and kept on the controller
version_added: 0.1.0
author: The hotclub.django authors (@hotclub)
description:
  - Returns the secret in a file. If there is none yet, one is made of letters and digits, and kept.
  - The file is encrypted with the vault password of the run. Without one it is kept in plain text. Nobody but its owner
    may read it either way.
  - Such a file is an ordinary one of C(ansible-vault), which can show, encrypt and rekey it.
options:
  _terms:
    description: Absolute paths of files.
    required: true
  length:
    description: How long a new secret is.
    type: int
    default: 50
  part:
    description:
      - V(secret) is the secret itself.
      - V(fallbacks) is the list of others that are accepted besides it, during and after a rotation.
      - V(rotation) is what else is known of a rotation, in C(turn), C(step) and C(following).
      - Only V(secret) makes one.
    type: str
    choices: [secret, fallbacks, rotation]
    default: secret
"""

EXAMPLES = r"""
site_secret_key: "{{ lookup('hotclub.django.secret', site_secrets_path ~ '/secret_key', length=64) }}"
"""

RETURN = r"""
_raw:
  description: The secret, or what was asked of it, for each file.
  type: list
  elements: raw
"""

from pathlib import Path
from typing import Any

from ansible.plugins.lookup import LookupBase
from ansible_collections.hotclub.django.plugins.plugin_utils.secrets.store import PREVIEW, SecretStore


class LookupModule(LookupBase):  # type: ignore[misc]
    """Controller side only."""

    def run(self, terms: list[str], variables: dict[str, Any] | None = None, **options: Any) -> list[Any]:
        """Return what was asked of each secret."""
        self.set_options(var_options=variables, direct=options)
        is_preview = bool((variables or {}).get(PREVIEW))
        return [self._part(Path(term), is_preview) for term in terms]

    def _part(self, path: Path, is_preview: bool) -> Any:
        store, part = SecretStore(path.parent), self.get_option("part")
        if part == "secret":
            give = store.preview if is_preview else store.obtain
            return give(path.name, self.get_option("length")).current
        secret = store.read(path.name)
        if part == "fallbacks":
            return secret.fallbacks
        return {"turn": secret.turn, "step": secret.step, "following": secret.following}
