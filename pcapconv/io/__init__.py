"""Bytes in and out: inputs that are read, and outputs that are complete or not there at all.

An output is a `Target`. It gets its final name in `Target.publish`, which `commit.commit` calls for all outputs of a
command, one after the other. A signal that arrives meanwhile is held back: before the last output has its name, it
undoes them all; afterwards it finds the work done.

| file | what it is for |
|---|---|
| `source.py` | an input: a path, stdin or a file object (`Source`); nameless temporary files |
| `source_digest.py` | the SHA-256 of an input, computed in a thread while it is read |
| `target.py` | an output: a file, stdout or a file object (`Target`), and the steps by which it is committed |
| `buffered_output.py` | the buffer that writers encode into, in front of a target; a thread writes it |
| `buffer_threads.py` | the threads that write or hash full buffers |
| `commit.py` | gives all outputs of a command their final names, or none of them; what a signal does then |
| `final_names.py` | how one file gets its name, keeps what it replaces, and loses the name again; temporary names |
| `held_signals.py` | holds signals back while something must not be interrupted |
| `file_set.py` | many outputs that are committed together: the parts of a split |
| `recovery_journal.py` | what a killed commit of a file set left behind, and how the next run puts it back |
| `permissions.py` | copies owner, mode, ACL and attributes to the file that replaces another |
| `paths.py` | what a path leads to, and whether two paths mean the same file |
| `name_template.py` | templates such as `{stem}-{index}.pcap`, for parts of a split and targets of a batch |
| `scratch_file.py` | bytes that are needed again later: in memory while few, then in a temporary file |
| `read_write.py` | reads and writes in full, and turns what the system refuses into a FileError |
"""
