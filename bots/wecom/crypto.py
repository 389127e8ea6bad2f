"""WeCom's message crypto (WXBizMsgCrypt); DingTalk's event callbacks use the same."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import struct
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from domain.errors import InputError, SignatureError

_BLOCK = 32
_PREFIX = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Sealed:
    """An encrypted message with its signature."""

    encrypted: str
    signature: str
    timestamp: str
    nonce: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageCrypto:
    """One callback's keys.

    Attributes:
        token: As set in the admin console.
        encoding_aes_key: 43 characters of base64 without their `=`.
        receive_id: Whom messages are for: the corp id for an app, empty for a smart bot.

    Raises:
        InputError: The key is not 43 characters of base64, or the token is empty.
    """

    token: str = field(repr=False)
    encoding_aes_key: str = field(repr=False)
    receive_id: str

    def __post_init__(self) -> None:
        if not self.token:
            raise InputError("bots.wecom_no_token")
        if len(self.encoding_aes_key) != 43 or not _is_base64(self.encoding_aes_key + "="):
            raise InputError("bots.wecom_aes_key")

    def signature(self, timestamp: str, nonce: str, encrypted: str) -> str:
        """Return the hexadecimal SHA-1 of the four strings, sorted and joined."""
        joined = "".join(sorted([self.token, timestamp, nonce, encrypted]))
        return hashlib.sha1(joined.encode("utf-8", "surrogatepass"), usedforsecurity=False).hexdigest()

    def encrypt(self, message: str, *, prefix: bytes | None = None) -> str:
        """Return a message as one line of base64; `prefix` replaces the 16 random bytes in tests."""
        words = message.encode()
        plain = (prefix or secrets.token_bytes(_PREFIX)) + struct.pack(">I", len(words)) + words
        return base64.b64encode(_encrypted(self._key, _padded(plain + self.receive_id.encode()))).decode()

    def decrypt(self, encrypted: str) -> str:
        """Return the message.

        Raises:
            SignatureError: It was not made with this key for this receiver; never says what is wrong.
        """
        try:
            plain = _unpadded(_decrypted(self._key, base64.b64decode(_one_line(encrypted), validate=True)))
            size = struct.unpack(">I", plain[_PREFIX : _PREFIX + 4])[0]
            message = plain[_PREFIX + 4 : _PREFIX + 4 + size].decode()
        except (ValueError, struct.error) as error:
            raise SignatureError("bots.wecom_not_signed") from error
        receiver = plain[_PREFIX + 4 + size :]
        if size > len(plain) or not hmac.compare_digest(receiver, self.receive_id.encode()):
            raise SignatureError("bots.wecom_not_signed")
        return message

    def opened(self, sealed: Sealed) -> str:
        """Verify, then decrypt.

        Raises:
            SignatureError: It is not from the platform, or not for us.
        """
        expected = self.signature(sealed.timestamp, sealed.nonce, sealed.encrypted)
        if not hmac.compare_digest(expected.encode(), sealed.signature.encode("utf-8", "surrogatepass")):
            raise SignatureError("bots.wecom_not_signed")
        return self.decrypt(sealed.encrypted)

    def sealed(self, message: str, *, timestamp: str, nonce: str) -> Sealed:
        """Encrypt and sign an answer."""
        encrypted = self.encrypt(message)
        signature = self.signature(timestamp, nonce, encrypted)
        return Sealed(encrypted=encrypted, signature=signature, timestamp=timestamp, nonce=nonce)

    @property
    def _key(self) -> bytes:
        return base64.b64decode(self.encoding_aes_key + "=")


def decrypt_media(content: bytes, key: str) -> bytes:
    """Decrypt a file; `key` is base64 with or without its `=`.

    Raises:
        ValueError: The key or the content is not what it should be.
    """
    raw = base64.b64decode(key.rstrip("=") + "=" * (-len(key.rstrip("=")) % 4))
    if len(raw) != 32:
        raise ValueError("the key must be 32 bytes")
    return _unpadded(_decrypted(raw, content))


def encrypt_media(content: bytes, key: str) -> bytes:
    """Encrypt a file as the platform does."""
    raw = base64.b64decode(key.rstrip("=") + "=" * (-len(key.rstrip("=")) % 4))
    return _encrypted(raw, _padded(content))


def _is_base64(text: str) -> bool:
    try:
        return len(base64.b64decode(text, validate=True)) == 32
    except (binascii.Error, ValueError):
        return False


def _one_line(text: str) -> str:
    return text.replace("\n", "").replace("\r", "")


def _encrypted(key: bytes, data: bytes) -> bytes:
    encryptor = Cipher(AES(key), CBC(key[:16])).encryptor()
    return encryptor.update(data) + encryptor.finalize()


def _decrypted(key: bytes, data: bytes) -> bytes:
    decryptor = Cipher(AES(key), CBC(key[:16])).decryptor()
    return decryptor.update(data) + decryptor.finalize()


def _padded(data: bytes) -> bytes:
    count = _BLOCK - len(data) % _BLOCK
    return data + bytes([count]) * count


def _unpadded(data: bytes) -> bytes:
    """Take the padding off: 1 to 32 bytes, not 16 as PKCS #7 libraries for AES expect."""
    count = data[-1] if data else 0
    if not 1 <= count <= _BLOCK or data[-count:] != bytes([count]) * count:
        raise ValueError("the padding is wrong")
    return data[:-count]
