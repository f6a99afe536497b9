# SPDX-License-Identifier: GPL-2.0
"""Sphinx: make docs."""

project = "nvme-mdev"
author = "The nvme-mdev authors"
copyright = "the nvme-mdev authors, GPL-2.0"
master_doc = "index"
extensions = []
exclude_patterns = ["ABI"]
html_theme = "alabaster"
