"""Bytes in and out: inputs that are read, and outputs that exist complete or not at all.

An output is a `Target`. It gets its final name at the end, and four modules do that:

* `file_set` has the parts of a split, which are too many to be open at once. It calls `commit` for all of them.
* `commit` calls `Target.prepare`, then `Target.publish` for all outputs of a command, one after the other, then
  `Target.confirm`. From the first `publish` on, signals are held back (`held_signals`), unless an output is a pipe, and
  `commit` looks between two outputs whether a signal has arrived. If so, `commit` undoes all names that were given;
  after the last name, the outputs stay.
* `target` has `publish` and `undo_publish` for one output; so has `file_set` for one of its files.
* `final_names` has the steps that both are made of: name a file, put the old file aside, undo.

| file | what it is for |
|---|---|
| `source.py` | an open input: a path, stdin or a file object (`Source`) |
| `pipe_reading.py` | what happens before a read of a pipe that has to wait: what was read goes to the output |
| `interruption.py` | the first Ctrl-C while a pipe is read: the pipe ends, and the output is finished |
| `source_digest.py` | the SHA-256 of an input, computed in a thread while it is read |
| `compression.py` | the compressions of captures: how each begins, its suffix, its library |
| `decompression.py` | decompresses one member after the other, with every byte that can be had of damaged data |
| `decompressed_stream.py` | the bytes in a compressed input, decompressed in a thread |
| `target.py` | an open output: a file, stdout or a file object (`Target`); publishes and undoes it |
| `buffered_output.py` | the buffer that writers encode into, in front of a target; hands full buffers to a thread |
| `compressors.py` | the compressors of one member, for each compression |
| `compressed_output.py` | compresses an output, and once more if its content changes at the end |
| `buffer_threads.py` | the threads that write or hash full buffers |
| `commit.py` | gives all outputs of a command their final names, or undoes them all; what a signal does meanwhile |
| `final_names.py` | the single steps: name a file, keep the file that it replaces, undo the naming; temporary names |
| `held_signals.py` | holds signals back during work that must not be interrupted, and lists those that arrived |
| `file_set.py` | many outputs that are committed together, and need not be open at once: the parts of a split |
| `recovery_journal.py` | the journal by which the next run puts back the old files that a killed commit had replaced |
| `permissions.py` | copies owner, mode, ACL and attributes to the file that replaces another |
| `paths.py` | which file a path leads to, and whether two paths mean the same file |
| `name_template.py` | templates such as `{stem}-{index}.pcap`, for parts of a split and targets of a batch |
| `temporary_file.py` | nameless temporary files |
| `scratch_file.py` | bytes that are written, then read again: in memory while few, then in a nameless temporary file |
| `scratch_log.py` | bytes that are appended, read at any place and thrown away from the beginning, in such files |
| `read_write.py` | reads and writes in full, and turns the errors of the system into a FileError |
"""
