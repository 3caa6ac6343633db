"""What the specifications of pcap and pcapng say: numbers, names, and the decoding of bytes."""
