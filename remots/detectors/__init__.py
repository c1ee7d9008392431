"""Where masks come from: one detector a file behind one small interface (paper section 2.1)."""
