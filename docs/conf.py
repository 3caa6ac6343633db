"""How Sphinx builds the site: python -m sphinx -W --keep-going docs build/site"""

from __future__ import annotations

from pcapconv import __version__

project = "pcapconv"
author = "The pcapconv authors"
project_copyright = "The pcapconv authors"
release = __version__

extensions = ["myst_parser"]
myst_heading_anchors = 4  # headings that links can name, as on a forge: #how-times-work
nitpicky = True

html_theme = "furo"
html_title = f"pcapconv {release}"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_favicon = "icon.svg"
html_copy_source = False
html_show_sphinx = False
