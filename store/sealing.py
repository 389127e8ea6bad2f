"""The installation's own key: seals secrets that must be read again, signs what clients carry around."""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from domain.errors import IntegrityError, SignatureError

KEY_BYTES = 32


class Sealer:
    """Seals and signs with keys derived from one secret of 32 bytes."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise ValueError("the installation's key has 32 bytes")
        self._fernet = Fernet(base64.urlsafe_b64encode(hmac.digest(key, b"seal", hashlib.sha256)))
        self._signing_key = hmac.digest(key, b"sign", hashlib.sha256)

    def seal(self, secret: str) -> str:
        """Return the secret in a form that only this key opens."""
        return self._fernet.encrypt(secret.encode("utf-8")).decode("ascii")

    def open(self, sealed: str) -> str:
        """Return a sealed secret.

        Raises:
            IntegrityError: It was sealed with another key, or changed.
        """
        try:
            return self._fernet.decrypt(sealed.encode("ascii")).decode("utf-8")
        except (InvalidToken, UnicodeError) as error:
            raise IntegrityError("store.wrong_key") from error

    def sign(self, content: bytes, *, purpose: str) -> str:
        """Return content with a signature, safe in a URL; `purpose` keeps tokens apart."""
        signature = hmac.digest(self._signing_key, purpose.encode() + b"\n" + content, hashlib.sha256)[:16]
        return base64.urlsafe_b64encode(signature + content).decode("ascii").rstrip("=")

    def verify(self, token: str, *, purpose: str) -> bytes:
        """Return the content of a signed token.

        Raises:
            SignatureError: It was not signed here for this purpose.
        """
        try:
            raw = base64.urlsafe_b64decode(token.encode("ascii") + b"=" * (-len(token) % 4))
        except ValueError as error:
            raise SignatureError("store.bad_token") from error
        content = raw[16:]
        if not hmac.compare_digest(self.sign(content, purpose=purpose), token):
            raise SignatureError("store.bad_token")
        return content


def installation_key(home: Path) -> bytes:
    """Return the key in `<home>/secret.key`, made on first use, readable by its owner only.

    Raises:
        IntegrityError: The file does not hold 32 bytes.
    """
    home.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = home / "secret.key"
    fresh = home / f".secret-{secrets.token_hex(8)}"
    if not path.exists():
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
        try:
            os.link(fresh, path)  # never over a key that another process just made
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    key = path.read_bytes()
    if len(key) != KEY_BYTES:
        raise IntegrityError("store.bad_key_file", path=path)
    return key
