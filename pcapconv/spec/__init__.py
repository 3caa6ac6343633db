"""What the specifications of pcap and pcapng define: numbers, names, and the decoding of bytes.

| module | what it has |
|---|---|
| `pcapng.py` | the numbers and names of block types and option codes: one table says what each block and option is |
| `bodies.py` | the fields in the bodies of blocks: statistics, secrets, names, custom |
| `option_lists.py` | option lists as raw bytes: read, edit, make |
| `readable_options.py` | a packet's options, and those of every other block, decoded for people |
| `decoded_options.py` | the same by name, as users of the library get them |
| `byte_orders.py` | options and bodies of blocks in the other byte order |
| `given_values.py` | numbers, bytes and texts that callers give, checked |
| `pcap.py` | the header and the records of pcap, and its variants |
| `link_types.py` | the numbers and names of link types |
| `protocols.py` | protocols inside packets: codes, names, what announces them |

`pcapng.py` begins with a list of the modules that treat a block type (statistics, secrets, …) in a special way.

Strategy: everything here is data, or a function of bytes and their byte order. Nothing here imports the model.
"""

from __future__ import annotations

from typing import Literal

ByteOrder = Literal["little", "big"]
