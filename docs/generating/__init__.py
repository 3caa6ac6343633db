"""What `docs/generate.py` generates.

texts            sentences about options and statuses, for several kinds of pages
man_pages        the manual pages in man/man1
command_pages    docs/reference/commands: a page for each command, and their index
examples         what the examples on these pages need before they can run
statuses_page    docs/reference/statuses.md
json_page        the tables of fields in docs/reference/json.md
python_page      docs/reference/python.md
signatures       signatures, members and docstrings of Python objects as Markdown
"""
