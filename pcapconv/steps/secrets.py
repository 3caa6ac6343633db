"""Decryption secrets: putting key logs into a capture, and taking them out.

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

TYPES = {  # key logs, which are text
    "tls": bodies.TLS_KEY_LOG,
    "ssh": bodies.SSH_KEY_LOG,
    "wireguard": bodies.WIREGUARD_KEY_LOG,
}

_LARGEST_DATA = LARGEST_RECORD - pcapng.BLOCK_OVERHEAD - pcapng.SECRETS_DATA_AT
_MOST_FOUND = 32 * 2**20
_COST = 64  # bytes of memory that each log takes besides its own
_LARGEST_TYPE = 2**32 - 1
_MOST_DIGITS = 60


class InjectSecrets(Step):
    """Puts secrets, as (type, data), right behind the first section's header, as Decryption Secrets Blocks.

    Raises UsageError for a type or a size that no block has.
    """

    def __init__(self, entries: Sequence[tuple[int, bytes]]) -> None:
        super().__init__()
        self._entries = entries
        for kind, data in entries:
            if not 0 <= kind <= _LARGEST_TYPE:
                raise UsageError(
                    f"{argument('inject_secrets', kind)}: types of secrets are numbers from 0 to {_LARGEST_TYPE}"
                )
            if len(data) > _LARGEST_DATA:
                raise UsageError(
                    f"{argument('inject_secrets')}: secrets of {len(data)} bytes; a block holds {_LARGEST_DATA}"
                )

    def _section(self, section: Section) -> Iterator[Item]:
        entries, self._entries = self._entries, ()
        if not entries:
            yield section
            return
        # Of a pcap header that is copied, a writer of pcap concludes that nothing is lost.
        yield section._replace(changed=True, raw=None if section.layout == "pcap" else section.raw)
        order = section.byte_order
        for kind, data in entries:
            body = bodies.secrets_body(kind, data, order)
            yield Block(type=pcapng.DECRYPTION_SECRETS, body=body, byte_order=order, section=section.number, offset=0)


class ExtractSecrets(Step):
    """Passes everything on, and collects the key logs that go by. Raises TargetError for more secrets than memory
    should hold.

    `found` holds the logs of the types in `TYPES`, by type, in file order; `others` counts the blocks of other types,
    the first thousand of these types.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[int, list[bytes]] = {}
        self.others: Counter[int] = Counter()
        self._left = _MOST_FOUND

    def _block(self, block: Block) -> Iterable[Item]:
        if block.type == pcapng.DECRYPTION_SECRETS:
            self._collect(block)
        return (block,)

    def _collect(self, block: Block) -> None:
        stated = bodies.secrets(block.body, block.byte_order)
        kind = stated.type
        if kind not in TYPES.values():
            if kind in self.others or len(self.others) < MOST_LISTED:
                self.others[kind] += 1
            return
        if not stated.data or not stated.complete:  # it says nothing, or nobody knows where it ends
            return
        self._left -= len(stated.data) + _COST
        if self._left < 0:
            raise TargetError(
                f"offset {block.offset}: the capture holds more secrets than pcapconv extracts, {_MOST_FOUND >> 20} MiB"
            )
        self.found.setdefault(kind, []).append(bytes(stated.data))


def parse_secrets(text: str) -> tuple[int, str]:
    """(type, path) of `TYPE,FILE`; TYPE is a word of `TYPES` in any case, or a number of 32 bits, decimal or with `0x`.

    Raises UsageError.
    """
    word, comma, path = text.partition(",")
    if not comma or not path:
        raise UsageError(f"{argument('inject_secrets', text)}: not TYPE,FILE; write tls,keys.log")
    kind = TYPES.get(word.lower(), _number(word))
    if kind is None or kind > _LARGEST_TYPE:
        forms = f"{', '.join(TYPES)} or a number from 0 to 0x{_LARGEST_TYPE:x}"
        raise UsageError(f"{argument('inject_secrets', text)}: not a type of secrets; write {forms} before the comma")
    return kind, path


def _number(word: str) -> int | None:
    """An unsigned number, decimal or with `0x`; None for anything else."""
    base, digits = (16, word[2:]) if word[:2] in ("0x", "0X") else (10, word)
    if len(digits) > _MOST_DIGITS or not digits.isascii() or not digits.isalnum():
        return None
    try:
        return int(digits, base)
    except ValueError:
        return None
