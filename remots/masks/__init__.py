"""Binary instance masks in run-length encoding: algebra, overlap, fusion (paper section 2.1)."""
