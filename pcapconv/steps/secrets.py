"""The steps that add decryption secrets to a capture, and extract its key logs.

Format: draft-ietf-opsawg-pcapng, "Decryption Secrets Block": type, length, data, padding, options.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from pcapconv.errors import TargetError, UsageError
from pcapconv.formats.window import LARGEST_RECORD
from pcapconv.model import Block, Item, Section
from pcapconv.report import MOST_LISTED
from pcapconv.spec import bodies, pcapng
from pcapconv.steps import Step
from pcapconv.wording import argument

KEY_LOG_TYPES = {  # the types of secrets whose data is text
    "tls": bodies.TLS_KEY_LOG,
    "ssh": bodies.SSH_KEY_LOG,
    "wireguard": bodies.WIREGUARD_KEY_LOG,
    "wg": bodies.WIREGUARD_KEY_LOG,  # what editcap calls it
    "opcua": bodies.OPC_UA_KEY_LOG,
}

_LARGEST_DATA = LARGEST_RECORD - pcapng.BLOCK_OVERHEAD - pcapng.SECRETS_DATA_AT
_MOST_BYTES = 32 * 2**20
_OVERHEAD = 64  # bytes of memory that each log takes besides its data
_LARGEST_TYPE = 2**32 - 1
_MOST_DIGITS = 60


class InjectSecrets(Step):
    """Adds a Decryption Secrets Block for each of `entries`, (type, data), right after the first section's header.

    Raises UsageError for a type or a size that no block can have.
    """

    def __init__(self, entries: Sequence[tuple[int, bytes]]) -> None:
        super().__init__()
        self._entries = entries
        for secrets_type, data in entries:
            if not 0 <= secrets_type <= _LARGEST_TYPE:
                named = argument("inject_secrets", secrets_type)
                raise UsageError(
                    f"{named}: types of secrets are numbers from 0 to {_LARGEST_TYPE}", option="inject_secrets"
                )
            if len(data) > _LARGEST_DATA:
                raise UsageError(
                    f"{argument('inject_secrets')}: secrets of {len(data)} bytes; a block holds {_LARGEST_DATA}",
                    option="inject_secrets",
                )

    def _section(self, section: Section) -> Iterator[Item]:
        entries, self._entries = self._entries, ()
        if not entries:
            yield section
            return
        # A pcap writer that copies the header of a pcap file would not count the secrets as lost.
        yield section._replace(changed=True, raw=None if section.layout == "pcap" else section.raw)
        order = section.byte_order
        for secrets_type, data in entries:
            body = bodies.secrets_body(secrets_type, data, order)
            yield Block(type=pcapng.DECRYPTION_SECRETS, body=body, byte_order=order, section=section.number, offset=0)


class ExtractSecrets(Step):
    """Collects the key logs of a capture, and passes everything on.

    `logs` has the logs of the types in `KEY_LOG_TYPES`, by type, in file order. `other_types` counts the blocks of
    other types, up to a thousand types. Raises TargetError for more secrets than memory should hold.
    """

    def __init__(self) -> None:
        super().__init__()
        self.logs: dict[int, list[bytes]] = {}
        self.other_types: Counter[int] = Counter()
        self._remaining = _MOST_BYTES

    def _block(self, block: Block) -> Iterable[Item]:
        if block.type == pcapng.DECRYPTION_SECRETS:
            self._collect(block)
        return (block,)

    def _collect(self, block: Block) -> None:
        secrets = bodies.secrets(block.body, block.byte_order)
        secrets_type = secrets.type
        if secrets_type not in KEY_LOG_TYPES.values():
            if secrets_type in self.other_types or len(self.other_types) < MOST_LISTED:
                self.other_types[secrets_type] += 1
            return
        if not secrets.data or not secrets.complete:
            return
        self._remaining -= len(secrets.data) + _OVERHEAD
        if self._remaining < 0:
            raise TargetError(
                f"offset {block.offset}: the capture holds more secrets than pcapconv extracts, "
                f"{_MOST_BYTES >> 20} MiB",
                offset=block.offset,
            )
        self.logs.setdefault(secrets_type, []).append(bytes(secrets.data))


def secrets_type_of(word: str) -> int | None:
    """The type of secrets that a word of `KEY_LOG_TYPES` names, in any case, or a number of 32 bits, decimal or with
    `0x`; None for anything else."""
    number = KEY_LOG_TYPES.get(word.lower(), _number(word))
    return None if number is None or number > _LARGEST_TYPE else number


def parse_secrets(text: str) -> tuple[int, str]:
    """Parse `TYPE,FILE`, and return (type, path).

    TYPE is what `secrets_type_of` takes. Raises UsageError.
    """
    word, comma, path = text.partition(",")
    if not comma or not path:
        raise UsageError(
            f"{argument('inject_secrets', text)}: not TYPE,FILE; write tls,keys.log", option="inject_secrets"
        )
    secrets_type = secrets_type_of(word)
    if secrets_type is None:
        forms = f"{', '.join(KEY_LOG_TYPES)} or a number from 0 to 0x{_LARGEST_TYPE:x}"
        raise UsageError(
            f"{argument('inject_secrets', text)}: not a type of secrets; write {forms} before the comma",
            option="inject_secrets",
        )
    return secrets_type, path


def _number(word: str) -> int | None:
    """Parse an unsigned number, decimal or with `0x`; return None for any other text."""
    base, digits = (16, word[2:]) if word[:2] in ("0x", "0X") else (10, word)
    if len(digits) > _MOST_DIGITS or not digits.isascii() or not digits.isalnum():
        return None
    try:
        return int(digits, base)
    except ValueError:
        return None
